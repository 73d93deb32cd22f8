"""An accuracy and how sure it is, at one radius or at many."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from zoo.training.evaluation.results import metrics
from zoo.training.evaluation.results.image_results import ImageResults

_MOST_STEPS = 100


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
    def from_correct(cls, correct: np.ndarray) -> "Accuracy":
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


@dataclasses.dataclass(frozen=True, kw_only=True)
class Curve:
    """Accuracy against the radius, from an attack that minimizes the norm.

    One such attack measures every radius: at `eps` it has fooled the images
    whose perturbations are not longer. The accuracy falls in steps, one a
    fooled image. Up to 100 steps are kept; of more, 100 are kept whose ranks
    are evenly spaced. At each radius kept the accuracy is exact; between two
    radii it lies between their accuracies.

    Args:
        norm: Norm of the radius.
        eps: Radii, ascending from 0 to the longest perturbation that fooled.
        accuracy: Mean over images and scoring draws at each radius, in
            [0, 1].
    """

    norm: str
    eps: tuple[float, ...]
    accuracy: tuple[float, ...]

    @classmethod
    def from_results(
        cls, norm: str, *, clean: np.ndarray, results: ImageResults
    ) -> "Curve":
        """Reduces the results of an attack.

        Args:
            norm: Norm that the attack minimized.
            clean: Whether each draw got each original right,
                `(draws, images)`, for the images of `results`.
        """
        right = np.sum(clean & metrics.classified(clean), axis=0)
        lost = right - np.sum(results.correct, axis=0)
        lengths = getattr(results, norm)
        # Fresh draws may lower an image that was not perturbed at all.
        counted = (lost > 0) & (lengths > 0)
        order = np.argsort(lengths[counted])
        lengths = lengths[counted][order]
        lost = np.concatenate([[0], np.cumsum(lost[counted][order])])
        steps = min(len(lengths), _MOST_STEPS)
        ranks = np.linspace(1, len(lengths), steps).round().astype(int)
        eps = np.unique(np.concatenate([[0.0], lengths[ranks - 1]]))
        fallen = lost[np.searchsorted(lengths, eps, side="right")]
        accuracy = (np.sum(right) - fallen) / clean.size
        return cls(
            norm=norm,
            eps=tuple(eps.tolist()),
            accuracy=tuple(accuracy.tolist()),
        )

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Curve":
        """Reads what `dataclasses.asdict` wrote."""
        return cls(
            **{
                **data,
                "eps": tuple(data["eps"]),
                "accuracy": tuple(data["accuracy"]),
            }
        )
