"""How well stickers work on views they weren't made on."""

import dataclasses
from collections.abc import Sequence

import keras
import numpy as np
from numpy.typing import ArrayLike

from zoo.training.attacks.rp2 import Sticker
from zoo.training.evaluation import metrics
from zoo.validation import check_images


@dataclasses.dataclass(frozen=True, eq=False)
class StickerScores:
    """What stickers do to a model, one number for each.

    Args:
        targets: Their target classes.
        success: BlurNet's attack success rate: the part of the views whose
            prediction changes, to whatever class.
        targeted: The part that is taken for the target.
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
    """Measures stickers on views, for a fair number held-out ones.

    Args:
        model: Maps pixels in [0, 1] to logits; the one they were made on, or
            another to transfer to.
        stickers: What `rp2` made.
        views: Of the sign, as `rp2` takes them.
        homographies: As `rp2` takes them.

    Returns:
        BlurNet's metrics.

    Raises:
        ValueError: If there are no stickers or the views don't fit.

    Reference: BlurNet, "Metrics" and table 2.
    """
    if not stickers:
        raise ValueError("There must be a sticker. Received: none")
    views = check_images(views, model.input_shape)
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
    return model.predict(images, verbose=0).argmax(axis=-1)
