"""An accuracy and how sure it is."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from zoo.training.evaluation import metrics


@dataclasses.dataclass(frozen=True, kw_only=True)
class Accuracy:
    """An accuracy and how sure it is.

    Args:
        mean: Mean over images and scoring draws, in [0, 1].
        interval: Wilson 95 % interval of `mean`, for the images' sampling.
        worst_draw: Accuracy of the scoring draw with the lowest.
        every_draw: Fraction of images that every scoring draw got right.
    """

    mean: float
    interval: tuple[float, float]
    worst_draw: float
    every_draw: float

    @classmethod
    def of(cls, correct: np.ndarray) -> "Accuracy":
        """Averages bools of shape `(draws, images)`."""
        mean = metrics.accuracy(correct)
        return cls(
            mean=mean,
            interval=metrics.wilson_interval(mean, correct.shape[1]),
            worst_draw=metrics.worst_draw_accuracy(correct),
            every_draw=metrics.every_draw_accuracy(correct),
        )

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Accuracy":
        """Reads what `dataclasses.asdict` wrote."""
        return cls(**{**data, "interval": tuple(data["interval"])})
