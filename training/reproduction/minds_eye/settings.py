"""What a reproduction of Mind's Eye makes, and what it runs on."""

import dataclasses
from pathlib import Path
from typing import Any

from zoo.training.reproduction import options
from zoo.training.reproduction.options import option

EXHIBITS = ("tab1", "fig4", "fig5", "fig6", "robust")
"""Table 1, figures 4 to 6, and what the paper doesn't measure."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """Options of a reproduction; each field says what it is.

    Args:
        workdir: Folder of finished measurements. Another call goes on from
            there; measurements of other settings or weights are made anew
            beside them.
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
        "rendered_objects",
        "TFDS name of a data set with the splits train and test",
        metavar="SET",
    )
    data_dir: Path | None = option(None, "where TFDS keeps its data")
    limit: int = option(40_000, "test images of the error rates")
    flips: int = option(
        1000,
        "test images with an object from which adversarial images of the "
        "direct networks are made",
    )
    triple_flips: int = option(
        100, "the same for the triple-staged networks, whose steps cost more"
    )
    max_steps: int = option(1500, "steps of the paper's attack at most")
    attack_limit: int = option(
        128, "test images for PGD and the standard suite, from the front"
    )
    eps: float = option(
        0.05, "L-inf radius of PGD and the suite, for pixels in [0, 1]"
    )
    steps: int = option(
        20, "steps of the standard suite's attacks; AutoAttack's are 100"
    )
    queries: int = option(
        300, "queries of the standard suite's Square; AutoAttack's are 5,000"
    )
    batch_size: int = option(64, "images in a step, and attacked at once")
    attack_policy: str = option(
        "mixed_bfloat16",
        "dtype policy of the copies that PGD and the standard suite are run "
        "on; the models themselves score in float32",
        metavar="POLICY",
    )
    seed: int = option(0, "seed of the evaluation", least=0)
    progress: bool = True

    def __post_init__(self) -> None:
        options.check_ranges(self)
        options.check_weights_folder(self.weights)

    def to_dict(self) -> dict[str, Any]:
        """The settings without folders, as values that JSON can hold."""
        return options.to_dict(self)
