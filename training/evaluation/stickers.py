"""Stickers on views of a sign: how well they work where they weren't made."""

import dataclasses
from collections.abc import Sequence

import keras
import numpy as np
from numpy.typing import ArrayLike

from zoo.inspection import check_float_input
from zoo.inspection import input_shape
from zoo.training.attacks.rp2 import RP2
from zoo.training.attacks.rp2 import Sticker
from zoo.training.datasets.rendered_signs import views
from zoo.training.evaluation.results import metrics
from zoo.validation import check_images


@dataclasses.dataclass(frozen=True, eq=False)
class StickerScores:
    """How well stickers fool a model, one number a sticker.

    Args:
        targets: Their target classes.
        success: BlurNet's attack success rate: the fraction of the views
            whose prediction changes, to any class.
        targeted: The fraction of the views classified as the target.
        dissimilarity: The mean over the views of
            `metrics.l2_dissimilarity`.
    """

    targets: np.ndarray
    success: np.ndarray
    targeted: np.ndarray
    dissimilarity: np.ndarray

    @property
    def average_success(self) -> float:
        """Table 2's average over the targets."""
        return float(self.success.mean())

    @property
    def worst_success(self) -> float:
        """Table 2's worst case for the model: the most successful target."""
        return float(self.success.max())

    @property
    def average_dissimilarity(self) -> float:
        """Table 2's distortion: the mean over targets and views."""
        return float(self.dissimilarity.mean())


def score_stickers(
    model: keras.Model,
    stickers: Sequence[Sticker],
    views: ArrayLike,
    homographies: ArrayLike | None = None,
) -> StickerScores:
    """Measures stickers on views, which should be held out.

    Args:
        model: Maps pixels in [0, 1] to logits; the model that the stickers
            were made on, or another to transfer to.
        stickers: What `rp2` made.
        views: Views of the sign, as `rp2` takes them.
        homographies: As `rp2` takes them.

    Raises:
        ValueError: If there are no stickers, the views don't fit, or the model
            takes pixels of an integer type.

    Reference: BlurNet, "Metrics" and table 2.
    """
    if not stickers:
        raise ValueError("There must be a sticker. Received: none")
    check_float_input(model)
    views = check_images(views, input_shape(model))
    clean = _classes(model, views)
    rows = []
    for sticker in stickers:
        adversarial = sticker.apply(views, homographies)
        classes = _classes(model, adversarial)
        rows.append(
            (
                sticker.target,
                np.mean(classes != clean),
                np.mean(classes == sticker.target),
                np.mean(metrics.l2_dissimilarity(views, adversarial)),
            )
        )
    return StickerScores(
        *(np.array(column) for column in zip(*rows, strict=True))
    )


def _classes(model, images):
    return metrics.predicted_classes(model.predict(images, verbose=0))


class SignViews:
    """Two sets of views of a rendered sign that no model was trained on.

    Stickers are made on the first set and tested on the second, held-out
    set: other views of the sign, from other places and in other light.

    Args:
        sign: A name of `LISA_CLASSES`.
        count: Views of each set.
        seed: Of the sign and of the views.
        size: Pixels on a side of a view, and of the sign's plane, in which
            masks and stickers are drawn.

    Raises:
        ValueError: If there is no such sign, or a number is out of range.
    """

    def __init__(
        self, sign: str, *, count: int = 40, seed: int = 0, size: int = 32
    ):
        if count < 1:
            raise ValueError(f"count must be positive. Received: count={count}")
        both = views(sign, 2 * count, seed, size=size, front_size=size)
        matrices = both.to_pixels(size, size)
        self._attacked = both.images[:count], matrices[:count]
        self._held_out = both.images[count:], matrices[count:]
        self.front = both.front
        """The sign from the front, `(size, size, 3)` in [0, 1]."""
        self.plate = both.mask
        """Whether `front` shows the sign, `(size, size)` of `bool`."""

    @property
    def held_out(self) -> np.ndarray:
        """The views to test on, `(count, size, size, 3)` in [0, 1]."""
        return self._held_out[0]

    def on_plate(self, mask: np.ndarray) -> np.ndarray:
        """Returns the part of a mask that is on the sign.

        Args:
            mask: `(size, size)` of `bool`.

        Raises:
            ValueError: If nothing is left.
        """
        cut = mask & self.plate
        if not cut.any():
            raise ValueError(
                "A sticker must lie on the sign. Received: a mask of "
                f"{int(mask.sum())} pixels beside it"
            )
        return cut

    def make(
        self, attack: RP2, model: keras.Model, targets: Sequence[int], progress
    ) -> list[Sticker]:
        """Makes a sticker for each target, all at once.

        Args:
            attack: RP2, with a mask of the plane's size.
            model: Maps the views to logits.
            targets: Classes that the sign should be classified as.
            progress: As `RP2` takes it.
        """
        images, homographies = self._attacked
        return attack(
            model,
            images,
            list(targets),
            homographies=homographies,
            progress=progress,
        )

    def apply(self, sticker: Sticker) -> np.ndarray:
        """Puts a sticker on the held-out views."""
        return sticker.apply(*self._held_out)

    def score(
        self, model: keras.Model, stickers: Sequence[Sticker]
    ) -> StickerScores:
        """Measures stickers on the held-out views."""
        return score_stickers(model, stickers, *self._held_out)

    def accuracy(self, model: keras.Model, label: int) -> float:
        """Returns the fraction of the held-out views classified as `label`."""
        return float(np.mean(_classes(model, self.held_out) == label))
