"""What a reproduction of BlurNet makes, and what it runs on."""

import dataclasses
import math
from pathlib import Path
from typing import Any

from zoo.training.datasets.lisa_classes import LISA_CLASSES
from zoo.training.reproduction import options
from zoo.training.reproduction.blurnet.alpha_penalties import PENALTIES
from zoo.training.reproduction.blurnet.alpha_penalties import TARGETS
from zoo.training.reproduction.options import option

EXHIBITS = ("tab1", "tab2", "adaptive", "fft", "alpha")
"""Tables 1 and 2, attacks that know the defense, the FFT figures, and the
sweep of the penalties' strengths, which trains its own networks."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """Options of a reproduction; each field says what it is.

    Args:
        workdir: Folder of finished stickers. Another call goes on from
            there; stickers of other settings or weights are made anew beside
            them.
        lambda_: Weight of the sticker's norm.
        progress: Whether to draw progress bars.

    Raises:
        ValueError: If a number is out of its range, there is no such sign or
            mask, or `weights` is no folder.
    """

    workdir: Path
    weights: Path | None = option(
        None,
        "folder of PRESET.weights.h5, as zoo train writes them, to measure "
        "instead of the published ones",
    )
    data_dir: Path | None = option(None, "where TFDS keeps its data")
    limit: int = option(3400, "test images of the legitimate accuracy")
    sign: str = option(
        "stop", "sign that the stickers are put on", metavar="CLASS"
    )
    targets: tuple[str, ...] | None = option(
        None,
        "sign that a sticker imitates; may be given several times (default: "
        "all others)",
        flag="target",
        metavar="CLASS",
    )
    views: int = option(
        40,
        "views of the sign that a sticker is made on, and as many others that "
        "it is tested on",
    )
    seeds: int = option(
        3, "signs, each with its own views and starts of the stickers"
    )
    seed: int = option(0, "seed of the first sign", least=0)
    steps: int = option(300, "steps of RP2")
    step_size: float = option(0.1, "learning rate of RP2's Adam")
    lambda_: float = 0.02
    mask: str = option(
        "stickers", "where on the sign: stickers or octagon", metavar="MASK"
    )
    defense_weight: float = option(
        1.0,
        "weight of the feature maps' total variation in the adaptive attack "
        "that adds it; the alpha of the model's training is no part of it",
    )
    frequencies: int = option(
        8,
        "lowest frequencies along each side, of 32, that the other adaptive "
        "attack keeps to",
    )
    alpha_penalties: tuple[str, ...] | None = option(
        None,
        f"alpha: penalty, among {', '.join(PENALTIES)}; may be given several "
        "times (default: all)",
        flag="alpha_penalty",
        metavar="NAME",
    )
    alpha_values: tuple[str, ...] | None = option(
        None,
        "alpha: strength of the penalties; may be given several times "
        "(default: three or four, by the penalty)",
        flag="alpha_value",
        metavar="X",
    )
    alpha_epochs: int = option(3, "alpha: epochs of each training")
    alpha_batch_size: int = option(
        32,
        "alpha: images in a step; fewer are more steps an epoch, which "
        "constrained filters need",
    )
    alpha_seeds: int = option(2, "alpha: trainings at each strength")
    alpha_targets: tuple[str, ...] | None = option(
        None,
        "alpha: sign that a sticker imitates; may be given several times "
        f"(default: {', '.join(TARGETS)})",
        flag="alpha_target",
        metavar="CLASS",
    )
    alpha_views: int = option(20, "alpha: views, as --views of the tables")
    alpha_steps: int = option(100, "alpha: steps of RP2")
    alpha_accuracy: float = option(
        0.86, "alpha: least accuracy of an operating point"
    )
    progress: bool = True

    def __post_init__(self) -> None:
        options.check_ranges(self)
        options.check_weights_folder(self.weights)
        signs = [self.sign, *(self.targets or ())]
        unknown = [name for name in signs if name not in LISA_CLASSES]
        if unknown or self.targets == () or _repeats(signs):
            raise ValueError(
                "sign and targets must be different signs among "
                f"{', '.join(LISA_CLASSES)}. Received: sign={self.sign!r}, "
                f"targets={self.targets}"
            )
        from zoo.training.attacks.rp2 import masks

        if self.mask not in masks.by_name:
            raise ValueError(
                f"mask must be one of {', '.join(masks.by_name)}. "
                f"Received: mask={self.mask!r}"
            )
        self._check_sweep()

    def _check_sweep(self) -> None:
        penalties = self.alpha_penalties
        unknown = [name for name in penalties or () if name not in PENALTIES]
        if unknown or penalties == () or _repeats(penalties):
            raise ValueError(
                "alpha_penalties must be different names among "
                f"{', '.join(PENALTIES)}. "
                f"Received: alpha_penalties={penalties}"
            )
        targets = self.sweep_targets
        unknown = [name for name in targets if name not in LISA_CLASSES]
        if unknown or not targets or _repeats(targets):
            raise ValueError(
                "alpha_targets must be different signs other than sign, among "
                f"{', '.join(LISA_CLASSES)}. Received: "
                f"alpha_targets={self.alpha_targets}, sign={self.sign!r}"
            )
        if self.alpha_accuracy > 1:
            raise ValueError(
                "alpha_accuracy must be at most 1. "
                f"Received: alpha_accuracy={self.alpha_accuracy}"
            )
        self.sweep_alphas(next(iter(PENALTIES)))

    @property
    def sweep_targets(self) -> tuple[str, ...]:
        """Targets of the sweep."""
        names = TARGETS if self.alpha_targets is None else self.alpha_targets
        return tuple(name for name in names if name != self.sign)

    @property
    def sweep_penalties(self) -> tuple[str, ...]:
        """Penalties of the sweep."""
        return self.alpha_penalties or tuple(PENALTIES)

    def sweep_alphas(self, penalty: str) -> tuple[float, ...]:
        """Returns the strengths of a penalty in the sweep, ascending.

        Raises:
            ValueError: If one is no positive number, or comes twice.
        """
        if self.alpha_values is None:
            return PENALTIES[penalty].alphas
        try:
            values = sorted(map(float, self.alpha_values))
        except ValueError:
            values = []
        good = all(math.isfinite(value) and value > 0 for value in values)
        if not values or not good or _repeats(values):
            raise ValueError(
                "alpha_values must be different positive numbers. "
                f"Received: alpha_values={self.alpha_values}"
            )
        return tuple(values)

    @property
    def label(self) -> int:
        """Class of the sign."""
        return LISA_CLASSES.index(self.sign)

    @property
    def target_labels(self) -> list[int]:
        """Classes of the targets."""
        names = self.targets or LISA_CLASSES
        return [LISA_CLASSES.index(n) for n in names if n != self.sign]

    def to_dict(self) -> dict[str, Any]:
        """The settings without folders, as values that JSON can hold."""
        return options.to_dict(self)


def _repeats(values) -> bool:
    return len(set(values or ())) < len(values or ())
