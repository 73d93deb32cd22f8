"""What an attack did to each image."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from zoo.threat import ThreatModel
from zoo.training.evaluation.results import metrics


@dataclasses.dataclass(frozen=True)
class ImageResults:
    """What an attack did to each image, before anything is averaged.

    All that a report says of an attack follows from its results and those of
    the clean images, so the results of batches or shards can be merged.

    Args:
        indices: Positions of the images in the data set, `(images,)`.
        correct: Whether each scoring draw classified each image right,
            bools of shape `(draws, images)`.
        l2: L2 norm of each perturbation, `(images,)`.
        linf: L-inf norm of each perturbation, `(images,)`.
        dissimilarity: Relative L2 norm of each perturbation, `(images,)`.
        pixel_distance: Mean colour change of each image's pixels on the
            0 to 255 scale, `(images,)`.
        seconds: Time spent on these images.
    """

    indices: np.ndarray
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
        indices: np.ndarray,
        seconds: float,
    ) -> "ImageResults":
        """Measures the perturbations.

        Args:
            images: The originals, NHWC in [0, 1].
            adversarial: The attack's images.
            correct: As the field.
            indices: As the field.
            seconds: As the field.
        """
        return cls(
            indices=indices,
            correct=correct,
            l2=metrics.l2_norms(images, adversarial),
            linf=metrics.linf_norms(images, adversarial),
            dissimilarity=metrics.l2_dissimilarity(images, adversarial),
            pixel_distance=metrics.pixel_distances(images, adversarial),
            seconds=seconds,
        )

    @classmethod
    def empty(cls, draws: int) -> "ImageResults":
        """Returns the results of an attack that was run on no image."""
        norms = np.zeros(0)
        return cls(
            indices=np.zeros(0, "int64"),
            correct=np.zeros((draws, 0), bool),
            l2=norms,
            linf=norms,
            dissimilarity=norms,
            pixel_distance=norms,
            seconds=0.0,
        )

    @classmethod
    def merge(cls, results: Sequence["ImageResults"]) -> "ImageResults":
        """Joins the results of one attack on different images."""
        arrays = {
            field.name: np.concatenate(
                [getattr(one, field.name) for one in results], axis=-1
            )
            for field in dataclasses.fields(cls)
            if field.name != "seconds"
        }
        return cls(**arrays, seconds=sum(one.seconds for one in results))

    @classmethod
    def worst(
        cls, results: Sequence["ImageResults"], *, norm: str | None = None
    ) -> "ImageResults":
        """Joins the results of several runs of one attack on the same images.

        Each image keeps the run whose draws were wrong most often; of several
        such runs, the one with the shortest perturbation.

        Args:
            norm: Norm that perturbations are compared in, `"l2"` if `None`.
        """
        right = np.stack([one.correct.mean(axis=0) for one in results])
        lengths = np.stack([getattr(one, norm or "l2") for one in results])
        lengths[right > right.min(axis=0)] = np.inf
        run = np.argmin(lengths, axis=0)
        image = np.arange(len(run))
        arrays = {
            field.name: np.stack([getattr(one, field.name) for one in results])[
                run, ..., image
            ].T
            for field in dataclasses.fields(cls)
            if field.name != "seconds"
        }
        return cls(**arrays, seconds=sum(one.seconds for one in results))

    def lower(
        self, correct: np.ndarray, threat: ThreatModel | None = None
    ) -> np.ndarray:
        """Returns `correct`, or these draws where fewer of them are right.

        Args:
            correct: Of all images that were to be attacked,
                `(draws, images)`.
            threat: Ball outside which perturbations don't count.
        """
        before = correct[:, self.indices]
        lower = np.mean(self.correct, axis=0) < np.mean(before, axis=0)
        if threat is not None:
            lower &= self.inside(threat)
        lowered = correct.copy()
        lowered[:, self.indices] = np.where(lower, self.correct, before)
        return lowered

    def entered(self, threat: ThreatModel) -> bool:
        """Returns whether any perturbation but 0 lies in the ball."""
        return bool(np.any((self.l2 > 0) & self.inside(threat)))

    def inside(self, threat: ThreatModel) -> np.ndarray:
        """Returns which perturbations lie in the ball, up to rounding."""
        lengths = {"l2": self.l2, "linf": self.linf}[threat.norm]
        return metrics.within(lengths, threat.eps)
