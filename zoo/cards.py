"""Model cards: what a preset says of itself, and what was measured."""

import dataclasses
import importlib.resources
import json
import os
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo import presets
from zoo.replacing import replacing
from zoo.threat import ThreatModel

MEASUREMENT = ("attack", "accuracy", "images", "seed", "date", "commit")


@dataclass(frozen=True, kw_only=True)
class Card:
    """What to know before using a model.

    Args:
        name: Name of the preset.
        description: One sentence.
        task: What the model predicts.
        dataset: Data set that the weights were trained on.
        classes: Names of the classes in order; empty if they have none.
        num_classes: Number of classes.
        image_shape: `(height, width, channels)` of an image, pixels in
            [0, 1], float32.
        threat: Adversary that it was trained against, if any.
        measurements: One mapping for each attack: `attack`, `accuracy` in
            [0, 1], `images`, `seed`, `date`, `commit`, and where they apply
            `norm`, `eps`, `steps`, `restarts`, `draws`, `interval` (95 % of
            the accuracy), `cumulative` (true if the accuracy is what is left
            after this attack and those before it in the ball) and others.
            Empty if nothing was measured.
        parameters: Number of weights, if counted.
        files: Names of the weight files; empty if none were published.
        size: Bytes of the weight files.
        sha256: SHA-256 of the first weight file.
        licence: SPDX identifier of the weights' licence.
        paper: Title or address of the publication.
        recipe: Dotted name of the training recipe.
    """

    name: str
    description: str
    task: str
    dataset: str
    classes: tuple[str, ...]
    num_classes: int
    image_shape: tuple[int, int, int]
    threat: ThreatModel | None
    measurements: tuple[Mapping[str, Any], ...]
    parameters: int | None
    files: tuple[str, ...]
    size: int | None
    sha256: str | None
    licence: str
    paper: str
    recipe: str | None

    def to_dict(self) -> dict[str, Any]:
        """The card as plain data that `json` can write."""
        data = dataclasses.asdict(self)
        shape = data.pop("image_shape")
        data["input"] = {
            "shape": list(shape),
            "range": [0.0, 1.0],
            "dtype": "float32",
            "layout": "NHWC",
        }
        for field in ("classes", "files", "measurements"):
            data[field] = list(data[field])
        return data

    def __str__(self) -> str:
        height, width, channels = self.image_shape
        rows = {
            "task": f"{self.task}, {self.dataset}",
            "classes": ": ".join(
                filter(None, (str(self.num_classes), ", ".join(self.classes)))
            ),
            "input": f"{height}x{width}x{channels}, pixels in [0, 1]",
            "threat": self.threat or "undefended",
            "parameters": f"{self.parameters:,}" if self.parameters else "-",
            "weights": (
                f"{', '.join(self.files)} ({self.size / 1e6:.1f} MB)"
                if self.files
                else "none published"
            ),
            "sha256": self.sha256 or "-",
            "licence": self.licence,
            "paper": self.paper,
            "recipe": self.recipe or "-",
        }
        lines = [self.name, f"  {self.description}"]
        lines += [f"  {key:<11}{value}" for key, value in rows.items()]
        lines += ["  accuracy" if self.measurements else "  not measured"]
        lines += [f"    {_line(m)}" for m in self.measurements]
        return "\n".join(lines)


def info(name: str) -> Card:
    """Reads the card of a model, without importing Keras.

    Measurements of other weights than the preset's are left out.

    Args:
        name: Name of a preset; `zoo.list_models()` gives them all.

    Raises:
        UnknownPresetError: If no preset has the name.
    """
    preset = presets.get(name)
    weights = preset.weights
    source = importlib.resources.files("zoo.presets") / "cards"
    source = source / f"{preset.name}.json"
    measured = json.loads(source.read_text("utf-8")) if source.is_file() else {}
    sha256 = weights.sha256 if weights else None
    if measured.get("sha256") != sha256:
        measured = {}
    return Card(
        name=preset.name,
        description=preset.description,
        task=preset.task,
        dataset=preset.dataset,
        classes=preset.classes,
        num_classes=preset.config["num_classes"],
        image_shape=tuple(preset.config["image_shape"]),
        threat=preset.threat,
        measurements=tuple(measured.get("measurements", ())),
        parameters=measured.get("parameters"),
        files=tuple(file.name for file in weights.files) if weights else (),
        size=weights.size if weights else None,
        sha256=sha256,
        licence=preset.licence,
        paper=preset.paper,
        recipe=preset.recipe,
    )


def write_card(
    name: str,
    measurements: Iterable[Mapping[str, Any]],
    *,
    parameters: int,
    directory: str | os.PathLike | None = None,
) -> Path:
    """Writes what an evaluation measured into a model's card.

    The file is replaced as a whole, and equal measurements give equal bytes.
    It notes the SHA-256 of the preset's weights, the ones measured.

    Args:
        name: Name of a preset.
        measurements: As in `Card`, of plain Python values; an evaluation's
            `report.measurements()`.
        parameters: Number of weights of the model.
        directory: Folder to write to; by default the package's own cards.

    Returns:
        The file.

    Raises:
        UnknownPresetError: If no preset has the name.
        ValueError: If a measurement lacks a field or has an impossible value.
    """
    preset = presets.get(name)
    measurements = [dict(measurement) for measurement in measurements]
    for measurement in measurements:
        _check(measurement)
    card = {
        "measurements": measurements,
        "name": preset.name,
        "parameters": parameters,
        "sha256": preset.weights.sha256 if preset.weights else None,
    }
    text = json.dumps(card, allow_nan=False, indent=2, sort_keys=True) + "\n"
    if directory is None:
        directory = Path(presets.__file__).with_name("cards")
    path = Path(directory) / f"{preset.name}.json"
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


def _check(measurement: Mapping[str, Any]) -> None:
    missing = [key for key in MEASUREMENT if measurement.get(key) is None]
    if missing:
        raise ValueError(
            f"A measurement must have {', '.join(MEASUREMENT)}. "
            f"Received: none of {', '.join(missing)} in {dict(measurement)}"
        )
    if not 0 <= measurement["accuracy"] <= 1 or measurement["images"] < 1:
        raise ValueError(
            "A measurement must have an accuracy in [0, 1] on at least one "
            f"image. Received: {dict(measurement)}"
        )


def _line(measurement: Mapping[str, Any]) -> str:
    ball = ""
    if measurement.get("norm") is not None:
        ball = f"{measurement['norm']} {measurement['eps']:g}"
    accuracy = f"{measurement['accuracy']:.1%}"
    if measurement.get("interval") is not None:
        low, high = measurement["interval"]
        accuracy += f" ({low:.1%} to {high:.1%})"
    effort = [f"{measurement['images']} images"]
    for key in ("steps", "restarts", "draws", "scoring_draws"):
        if measurement.get(key) is not None:
            effort.append(f"{measurement[key]} {key.replace('_', ' ')}")
    if measurement.get("cumulative"):
        effort.append("after those above")
    effort += [f"seed {measurement['seed']}", str(measurement["date"])]
    line = f"{measurement['attack']:<11} {ball:<10} {accuracy}"
    return f"{line}  {', '.join(effort)}"
