"""What a reproduction of IRM makes, and what it runs on."""

import dataclasses
from pathlib import Path
from typing import Any

from zoo.threat import ThreatModel
from zoo.training.reproduction import options
from zoo.training.reproduction.options import option

PARTS = ("tab1", "tab2", "tab4", "fig7", "time")
"""Tables 1, 2 and 4, figure 7, and 14 ms against 30 ms."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """Options of a reproduction; each field says what it is.

    Args:
        workdir: Folder of trained weights and finished measurements. Another
            call with the same settings goes on from there; one with others
            needs another folder.
        scales: Side lengths, in pixels, that stand for the paper's 32, 64
            and 128.
        threats: Balls of the standard suite.
        progress: Whether to draw progress bars.

    Raises:
        ValueError: If a number is out of its range.
    """

    workdir: Path
    data: str = option(
        "fashion_mnist",
        "TFDS name of a data set with the splits train and test",
        metavar="SET",
    )
    data_dir: Path | None = option(None, "where TFDS keeps its data")
    limit: int = option(5000, "test images")
    attack_limit: int = option(
        128, "test images for the standard suite, from the front"
    )
    epochs: int = option(3, "epochs of each network of tables 1 and 2")
    train_limit: int = option(20_000, "training images of each epoch")
    scales: tuple[int, int, int] = (20, 24, 28)
    eps: float = option(0.1, "L-inf radius of FGSM, for pixels in [0, 1]")
    threats: tuple[ThreatModel, ...] = (
        ThreatModel("l2", 1.0),
        ThreatModel("linf", 0.1),
    )
    batch_size: int = option(128, "images in a step, and attacked at once")
    draws: int = option(
        5, "predictions that score each image of a randomised model"
    )
    steps: int = option(
        20, "steps of the standard suite's attacks; AutoAttack's are 100"
    )
    queries: int = option(
        300, "queries of the standard suite's Square; AutoAttack's are 5,000"
    )
    attack_draws: int = option(
        2, "predictions that the standard suite averages over"
    )
    attack_policy: str = option(
        "mixed_bfloat16",
        "dtype policy of the copies that the standard suite is run on; the "
        "models themselves score in float32",
        metavar="POLICY",
    )
    training_policy: str = option(
        "mixed_bfloat16", "dtype policy of the training", metavar="POLICY"
    )
    timed: str = option(
        "irm_wrn28_10.aaac",
        "preset whose architecture, of three scales, is timed",
        metavar="NAME",
    )
    rounds: int = option(9, "timed predictions")
    seed: int = option(0, "seed of training and evaluation", least=0)
    progress: bool = True

    def __post_init__(self) -> None:
        options.check_ranges(self)

    def to_dict(self) -> dict[str, Any]:
        """The settings without folders, as values that JSON can hold."""
        return options.to_dict(self)
