"""What a reproduction of IRM runs on."""

import dataclasses
from pathlib import Path
from typing import Any

from zoo.threat import ThreatModel


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """Options of a reproduction.

    Args:
        workdir: Folder of trained weights and finished measurements. Another
            call with the same settings goes on from there; one with others
            needs another folder.
        data: Data set with the splits `train` and `test`.
        data_dir: Where TFDS keeps its data; `None` for its default.
        limit: Test images.
        attack_limit: Test images for the standard suite, from the front.
        epochs: Epochs of each network of tables 1 and 2.
        train_limit: Training images of each epoch.
        scales: Side lengths, in pixels, that stand for the paper's 32, 64
            and 128.
        eps: L-inf radius of FGSM, pixels in [0, 1].
        threats: Balls of the standard suite.
        batch_size: Images in a step, and attacked at once.
        draws: Predictions that score each image of a randomised model.
        steps: Steps of the standard suite's attacks; AutoAttack's are 100.
        queries: Of the standard suite's Square; AutoAttack's are 5,000.
        attack_draws: Predictions that the standard suite averages over.
        attack_policy: Dtype policy of the twins that it is run on; the models
            themselves score in float32.
        training_policy: Dtype policy of the training.
        timed: Preset whose architecture is timed.
        rounds: Timed predictions.
        seed: Of training and evaluation.
        progress: Whether to draw progress bars.
    """

    workdir: Path
    data: str = "fashion_mnist"
    data_dir: Path | None = None
    limit: int = 5000
    attack_limit: int = 128
    epochs: int = 3
    train_limit: int = 20_000
    scales: tuple[int, int, int] = (20, 24, 28)
    eps: float = 0.1
    threats: tuple[ThreatModel, ...] = (
        ThreatModel("l2", 1.0),
        ThreatModel("linf", 0.1),
    )
    batch_size: int = 128
    draws: int = 5
    steps: int = 20
    queries: int = 300
    attack_draws: int = 2
    attack_policy: str = "mixed_bfloat16"
    training_policy: str = "mixed_bfloat16"
    timed: str = "irm_wrn28_10"
    rounds: int = 9
    seed: int = 0
    progress: bool = True

    def __post_init__(self) -> None:
        for name in (
            "limit",
            "attack_limit",
            "epochs",
            "train_limit",
            "batch_size",
            "draws",
            "steps",
            "queries",
            "attack_draws",
            "rounds",
        ):
            if getattr(self, name) < 1:
                raise ValueError(
                    f"{name} must be positive. "
                    f"Received: {name}={getattr(self, name)}"
                )

    def to_dict(self) -> dict[str, Any]:
        """The settings without folders, as values that JSON can hold."""
        values = dataclasses.asdict(self)
        for name in ("workdir", "data_dir", "progress"):
            del values[name]
        return values
