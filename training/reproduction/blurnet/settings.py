"""What a reproduction of BlurNet runs on."""

import dataclasses
from pathlib import Path
from typing import Any

from zoo.training.attacks.rp2 import masks
from zoo.training.datasets.lisa_classes import LISA_CLASSES


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """Options of a reproduction.

    Args:
        workdir: Folder of finished stickers. Another call goes on from
            there; stickers of other settings or weights are made anew beside
            them.
        weights: Folder of `<preset>.weights.h5`, as `zoo train` writes them,
            to measure instead of the published ones; `None` for those.
        data_dir: Where TFDS keeps its data; `None` for its default.
        limit: Test images of the legitimate accuracy.
        sign: Sign that the stickers are put on.
        targets: Signs it should be taken for; `None` for all others.
        views: Views of the sign that a sticker is made on, and as many
            others that it is tested on.
        seeds: Signs, each with its own views and starts of the stickers.
        seed: The first of them.
        steps: Steps of RP2.
        step_size: Of its Adam.
        lambda_: Weight of its norm.
        mask: A name of `rp2.masks.by_name`.
        defense_weight: Weight of the feature maps' total variation in the
            adaptive attack that adds it; the alpha of the model's training
            is no part of it.
        frequencies: Lowest frequencies along each side, of 32, that the
            other adaptive attack keeps to.
        progress: Whether to draw progress bars.
    """

    workdir: Path
    weights: Path | None = None
    data_dir: Path | None = None
    limit: int = 3400
    sign: str = "stop"
    targets: tuple[str, ...] | None = None
    views: int = 40
    seeds: int = 3
    seed: int = 0
    steps: int = 300
    step_size: float = 0.1
    lambda_: float = 0.02
    mask: str = "stickers"
    defense_weight: float = 1.0
    frequencies: int = 8
    progress: bool = True

    def __post_init__(self) -> None:
        for name in ("limit", "views", "seeds", "steps"):
            if getattr(self, name) < 1:
                raise ValueError(
                    f"{name} must be positive. "
                    f"Received: {name}={getattr(self, name)}"
                )
        if self.mask not in masks.by_name:
            raise ValueError(
                f"mask must be one of {', '.join(masks.by_name)}. "
                f"Received: mask={self.mask!r}"
            )
        if self.weights is not None and not self.weights.is_dir():
            raise ValueError(
                "weights must be a folder, or None for the published ones. "
                f"Received: weights={self.weights}"
            )
        signs = [self.sign, *(self.targets or ())]
        unknown = [name for name in signs if name not in LISA_CLASSES]
        if unknown or self.targets == () or len(set(signs)) < len(signs):
            raise ValueError(
                "sign and targets must be different signs among "
                f"{', '.join(LISA_CLASSES)}. Received: sign={self.sign!r}, "
                f"targets={self.targets}"
            )

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
        values = dataclasses.asdict(self)
        for name in ("workdir", "weights", "data_dir", "progress"):
            del values[name]
        return values
