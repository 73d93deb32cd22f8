"""Model cards: a preset's description, and what was measured of it."""

import dataclasses
import importlib.resources
import json
import os
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from typing import NamedTuple

from zoo import presets
from zoo.atomic_write import atomic_write
from zoo.cards.measurement import Measurement
from zoo.cards.sticker_success import StickerSuccess
from zoo.cards.sticker_success import check_no_weaker
from zoo.threat import ThreatModel
from zoo.weights.manifest import GrownWeights

FOLDER = importlib.resources.files(presets) / "cards"
"""The package's own cards."""


@dataclass(frozen=True, kw_only=True)
class Card:
    """What to know before using a model.

    Args:
        name: Name of the preset.
        alias: The name with its default tag, which is accepted too; `None`
            if there is no default tag.
        description: One sentence.
        task: What the model predicts.
        dataset: Data set that the weights were trained on. Without published
            weights, the one that the architecture was made for.
        classes: Names of the classes in order; empty if they have none.
        num_classes: Number of classes.
        image_shape: `(height, width, channels)` of an image, pixels in
            [0, 1], float32.
        threat: Adversary that the model was, or is to be, trained against;
            `None` if there is none.
        measurements: Clean accuracy, the accuracy under each attack, and the
            worst case in each ball. Empty if nothing was measured.
        stickers: Success of stickers on signs, one entry for each variant of
            the attack. Empty if none was measured.
        parameters: Number of weights, if counted.
        files: Names of the weight files; empty if none were published.
        size: Bytes of the weight files.
        sha256: SHA-256 of the first weight file; of the weights' arrays, as
            an evaluation gives it, if they are grown.
        licence: SPDX identifier of the weights' licence, if they have one.
        grown_from: Preset whose weights, read from `files`, were grown into
            these; `None` if these were trained.
        growth_seed: Seed of the growth.
        paper: Title or address of the publication.
        recipe: Dotted name of the training recipe.
    """

    name: str
    alias: str | None
    description: str
    task: str
    dataset: str
    classes: tuple[str, ...]
    num_classes: int
    image_shape: tuple[int, int, int]
    threat: ThreatModel | None
    measurements: tuple[Measurement, ...]
    stickers: tuple[StickerSuccess, ...]
    parameters: int | None
    files: tuple[str, ...]
    size: int | None
    sha256: str | None
    licence: str | None
    paper: str
    recipe: str | None
    grown_from: str | None
    growth_seed: int | None

    @property
    def trained(self) -> bool:
        """Whether weights were published."""
        return bool(self.files)

    def find(
        self, attack: str, threat: ThreatModel | None = None
    ) -> Measurement | None:
        """Returns the measurement of an attack, the lowest of several.

        Cumulative measurements are left out: they are of several attacks.

        Args:
            attack: Name of the attack, `"clean"` or `"worst case"`.
            threat: Ball that the attack stayed in; `None` if it has none.
        """
        return min(
            (
                measurement
                for measurement in self.measurements
                if (measurement.attack, measurement.threat) == (attack, threat)
                and not measurement.cumulative
            ),
            key=lambda measurement: measurement.accuracy,
            default=None,
        )

    def to_dict(self) -> dict[str, Any]:
        """Returns the card as plain data that `json` can write."""
        data = dataclasses.asdict(self)
        data["measurements"] = [m.to_dict() for m in self.measurements]
        data["stickers"] = [one.to_dict() for one in self.stickers]
        shape = data.pop("image_shape")
        data["input"] = {
            "shape": list(shape),
            "range": [0.0, 1.0],
            "dtype": "float32",
            "layout": "NHWC",
        }
        for field in ("classes", "files"):
            data[field] = list(data[field])
        return data

    def __str__(self) -> str:
        height, width, channels = self.image_shape
        training = "" if self.trained else "untrained, made for "
        rows = {
            "alias": self.alias,
            "task": self.task,
            "data": f"{training}{self.dataset}",
            "classes": ": ".join(
                filter(None, (str(self.num_classes), ", ".join(self.classes)))
            ),
            "input": f"{height}x{width}x{channels}, pixels in [0, 1]",
            "threat": f"{training}{self.threat}" if self.threat else "none",
            "parameters": f"{self.parameters:,}" if self.parameters else "-",
            "weights": self._weights_row(),
            "sha256": self.sha256 or "-",
            "licence": self.licence or "-",
            "paper": self.paper,
            "recipe": self.recipe or "-",
        }
        lines = [self.name, f"  {self.description}"]
        lines += [f"  {k:<11}{v}" for k, v in rows.items() if v is not None]
        lines += ["  accuracy" if self.measurements else "  not measured"]
        lines += [f"    {measurement}" for measurement in self.measurements]
        lines += ["  success of stickers"] if self.stickers else []
        lines += [f"    {one}" for one in self.stickers]
        flags = dict.fromkeys(f for m in self.measurements for f in m.flags)
        lines += ["  flagged"] if flags else []
        lines += [f"    {flag}" for flag in flags]
        return "\n".join(lines)

    def _weights_row(self) -> str:
        if not self.trained:
            return "none published"
        files = f"{', '.join(self.files)} ({self.size / 1e6:.1f} MB)"
        if self.grown_from is None:
            return files
        return f"grown from {self.grown_from}, seed {self.growth_seed}: {files}"


def info(name: str) -> Card:
    """Returns the card of a model, without importing Keras.

    Measurements of other weights than the published ones are left out.

    Args:
        name: Name of a preset; `zoo.list_models()` gives them all.

    Raises:
        UnknownPresetError: If no preset has the name.
    """
    preset = presets.get(name)
    weights, stored = preset.weights, preset.stored
    grown = weights if isinstance(weights, GrownWeights) else None
    measured = _measured(preset, FOLDER / f"{preset.name}.json")
    return Card(
        name=preset.name,
        alias=preset.alias,
        description=preset.description,
        task=preset.task,
        dataset=preset.dataset,
        classes=preset.classes,
        num_classes=preset.config["num_classes"],
        image_shape=tuple(preset.config["image_shape"]),
        threat=preset.threat,
        measurements=measured.measurements,
        stickers=measured.stickers,
        parameters=measured.parameters,
        files=tuple(file.name for file in stored.files) if stored else (),
        size=stored.size if stored else None,
        sha256=weights.sha256 if weights else None,
        licence=stored.licence if stored else None,
        paper=preset.paper,
        recipe=preset.recipe,
        grown_from=grown.grown_from if grown else None,
        growth_seed=grown.seed if grown else None,
    )


def write_card(
    name: str,
    measurements: Iterable[Mapping[str, Any]] | None,
    *,
    parameters: int,
    stickers: Iterable[Mapping[str, Any]] | None = None,
    directory: str | os.PathLike | None = None,
    replace: bool = False,
) -> Path:
    """Writes what an evaluation measured into a model's card.

    The file is replaced as a whole; equal measurements give equal bytes. It
    records the SHA-256 of the preset's weights, which were measured.

    Args:
        name: Name of a preset.
        measurements: As `Measurement.to_dict` gives them, of plain Python
            values; an evaluation's `report.measurements()`. `None` leaves
            those of the same weights.
        parameters: Number of weights of the model.
        stickers: As `StickerSuccess.to_dict` gives them. `None` leaves those
            of the same weights.
        directory: Folder to write to; by default the package's own cards.
        replace: Whether weaker numbers may replace those of the same weights:
            on fewer images, in fewer balls, by weaker attacks or by weaker
            stickers.

    Returns:
        The file.

    Raises:
        UnknownPresetError: If no preset has the name.
        ValueError: If a measurement lacks a field, has an impossible value
            or was not made by committed sources; or if it is weaker than the
            card's and `replace` is false.
    """
    preset = presets.get(name)
    path = Path(directory or FOLDER) / f"{preset.name}.json"
    before = _measured(preset, path)
    numbers = before.measurements
    if measurements is not None:
        numbers = tuple(map(Measurement.from_dict, measurements))
        if not replace:
            check_no_loss(before.measurements, numbers)
    successes = before.stickers
    if stickers is not None:
        successes = tuple(map(StickerSuccess.from_dict, stickers))
        if not replace:
            check_no_weaker(before.stickers, successes)
    for measured in (*numbers, *successes):
        check_commit(measured.commit)
    card = {
        "measurements": [measurement.to_dict() for measurement in numbers],
        "name": preset.name,
        "parameters": parameters,
        "sha256": preset.weights.sha256 if preset.weights else None,
    }
    if successes:
        card["stickers"] = [success.to_dict() for success in successes]
    text = json.dumps(card, allow_nan=False, indent=2, sort_keys=True) + "\n"
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


class _Measured(NamedTuple):
    """What a card's file holds of the preset's own weights."""

    measurements: tuple[Measurement, ...]
    stickers: tuple[StickerSuccess, ...]
    parameters: int | None


def _measured(preset, source) -> _Measured:
    card = json.loads(source.read_text("utf-8")) if source.is_file() else {}
    sha256 = preset.weights.sha256 if preset.weights else None
    if card.get("sha256") != sha256:
        card = {}
    return _Measured(
        tuple(map(Measurement.from_dict, card.get("measurements", ()))),
        tuple(map(StickerSuccess.from_dict, card.get("stickers", ()))),
        card.get("parameters"),
    )


def check_commit(commit: str | None) -> None:
    """Raises a `ValueError` unless the measuring sources were committed."""
    if commit is None or commit.endswith("-dirty"):
        raise ValueError(
            "A card's numbers must come from committed sources, a Git "
            f"checkout without changes. Received: commit={commit}"
        )


def check_no_loss(
    old: Iterable[Measurement], new: Iterable[Measurement]
) -> None:
    """Raises an error if weaker numbers would replace a card's.

    Compares the lowest accuracy and the largest number of images, ball by
    ball; attack by attack for attacks without a ball.

    Args:
        old: What the card holds of the same weights.
        new: What would replace it.

    Raises:
        ValueError: If, in a ball of the card, the new measurements are
            missing, are on fewer images, or have a lowest accuracy above the
            old one's interval, as weaker attacks would give.
    """
    found = _summaries(new)
    losses = []
    for what, (before, images_before) in _summaries(old).items():
        if what not in found:
            losses.append(f"nothing for {what}")
            continue
        lowest, images = found[what]
        highest = before.interval[1] if before.interval else before.accuracy
        if images < images_before:
            losses.append(
                f"{images} images instead of {images_before} in {what}"
            )
        elif what != "clean" and lowest.accuracy > highest:
            losses.append(
                f"{lowest.accuracy:.1%} instead of {before.accuracy:.1%} in "
                f"{what}; the attacks were probably weaker"
            )
    if losses:
        raise ValueError(
            "A card's numbers must not be replaced by weaker ones of the same "
            "weights; measure all of them, or replace the card as a whole "
            f"(replace=True, --replace-card). Received: {'; '.join(losses)}"
        )


def _summaries(measurements):
    """Returns the lowest measurement and the most images, by ball or attack."""
    groups = {}
    for one in measurements:
        groups.setdefault(one.threat or one.attack, []).append(one)
    return {
        what: (
            min(group, key=lambda one: one.accuracy),
            max(one.images for one in group),
        )
        for what, group in groups.items()
    }
