"""What a reproduction of semantic JPEG makes, and what it runs on."""

import dataclasses
from pathlib import Path
from typing import Any

from zoo.training.reproduction import options
from zoo.training.reproduction.options import option

EXHIBITS = (
    "adaptive",
    "accuracy",
    "elephant",
    "quality",
    "location",
    "stability",
    "imagenet",
)
"""Attacks that know the defense, the slides' attacks that don't, the elephant,
image quality, where attacks land, maps under attack, and photographs of
ImageNet."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """Options of a reproduction; each field says what it is.

    Args:
        workdir: Folder of attacked images and finished measurements. Another
            call with the same settings goes on from there.
        qualities: Of plain JPEG.
        noises: Scales of Aug-MSROI's noise whose maps are compared.
        progress: Whether to draw progress bars.

    Raises:
        ValueError: If a number is out of its range, or `weights` is no
            folder.
    """

    workdir: Path
    weights: Path | None = option(
        None,
        "folder of PRESET.weights.h5, as zoo train writes them, to measure "
        "instead of the published ones",
    )
    data: str = option(
        "composed_photos/objects",
        "set with the object's mask, whose test split is attacked",
        metavar="SET",
    )
    data_dir: Path | None = option(None, "where TFDS keeps its data")
    limit: int = option(200, "test images")
    attack_limit: int = option(
        64, "test images for the adaptive attacks, from the front"
    )
    elephants: int = option(3, "elephants in the picture")
    batch_size: int = option(32, "images attacked at once")
    draws: int = option(
        5, "predictions that score each image of a randomised model"
    )
    eps: float = option(
        0.016, "L-inf radius of FGSM, IGSM and the adaptive attacks"
    )
    steps: int = option(20, "steps of the adaptive attacks")
    attack_draws: int = option(
        2, "predictions that the adaptive attacks average over"
    )
    gamma: float = option(
        0.005, "largest share of an image's values that JSMA changes"
    )
    qualities: tuple[int, ...] = (30, 50, 75, 90)
    match_quality: int = option(
        50, "plain JPEG's quality whose bytes semantic JPEG is matched to"
    )
    min_quality: int = option(20, "quality of the least salient blocks")
    max_quality: int = option(100, "quality of the most salient blocks")
    map_draws: int = option(10, "maps that Aug-MSROI averages")
    noise: float = option(
        0.4, "Aug-MSROI's noise over the deviation of the activations"
    )
    noises: tuple[float, ...] = (0.1, 0.2, 0.4, 0.8)
    seed: int = option(0, "seed of noise and attacks", least=0)
    progress: bool = True

    def __post_init__(self) -> None:
        options.check_ranges(self)
        options.check_weights_folder(self.weights)
        for name in ("max_quality", "match_quality"):
            highest = getattr(self, name)
            if not self.min_quality <= highest <= 100:
                raise ValueError(
                    f"{name} must be from min_quality to 100. Received: "
                    f"min_quality={self.min_quality}, {name}={highest}"
                )

    def to_dict(self) -> dict[str, Any]:
        """The settings without folders, as values that JSON can hold."""
        return options.to_dict(self)
