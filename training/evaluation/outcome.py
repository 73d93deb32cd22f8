"""What an attack did to each image."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from training.evaluation import metrics
from zoo.threat import ThreatModel


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What an attack did to each image, before anything is averaged.

    Everything a report says of an attack follows from its outcome and that
    of the clean images, so outcomes of batches or shards can be merged.

    Args:
        correct: Whether each scoring draw classified each image right,
            bools of shape `(draws, images)`.
        l2: L2 norm of each perturbation, `(images,)`.
        linf: L-inf norm of each perturbation, `(images,)`.
        dissimilarity: Relative L2 norm of each perturbation, `(images,)`.
        pixel_distance: Mean colour change of each image's pixels on the
            0 to 255 scale, `(images,)`.
        seconds: Time spent on these images.
    """

    correct: np.ndarray
    l2: np.ndarray
    linf: np.ndarray
    dissimilarity: np.ndarray
    pixel_distance: np.ndarray
    seconds: float

    @classmethod
    def measure(
        cls,
        images: np.ndarray,
        adversarial: np.ndarray,
        correct: np.ndarray,
        *,
        seconds: float,
    ) -> "Outcome":
        """Measures the perturbations."""
        return cls(
            correct=correct,
            l2=metrics.l2_norms(images, adversarial),
            linf=metrics.linf_norms(images, adversarial),
            dissimilarity=metrics.l2_dissimilarity(images, adversarial),
            pixel_distance=metrics.pixel_distances(images, adversarial),
            seconds=seconds,
        )

    @classmethod
    def merge(cls, outcomes: Sequence["Outcome"]) -> "Outcome":
        """Joins the outcomes of one attack on consecutive images."""
        arrays = {
            field.name: np.concatenate(
                [getattr(outcome, field.name) for outcome in outcomes], axis=-1
            )
            for field in dataclasses.fields(cls)
            if field.name != "seconds"
        }
        return cls(**arrays, seconds=sum(o.seconds for o in outcomes))

    def inside(self, threat: ThreatModel) -> np.ndarray:
        """Returns which perturbations lie in the ball, up to rounding."""
        lengths = {"l2": self.l2, "linf": self.linf}[threat.norm]
        return lengths <= threat.eps * (1 + 1e-4) + 1e-6
