"""Runs attacks and scores what they made."""

import time
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from zoo.inspection import is_stochastic
from zoo.threat import ThreatModel
from zoo.training.evaluation.results import metrics
from zoo.training.evaluation.results.image_results import ImageResults

_LENGTHS = 1 + 2.0 ** np.arange(-7, 0)
"""Times that a perturbation is lengthened, from 1.008 to 1.5."""
_HALVINGS = 3


class Scorer:
    """Attacks and classifies images through one traced graph.

    Args:
        model: Maps pixels in [0, 1] to logits.
        image_shape: `(height, width, channels)`.
        attacked: What attacks are run on, such as the model's adaptive view.
        draws: Forward passes that score each image.
        own: What attacks are run on again, for images that fool `attacked`
            but not the model, its twin in another precision, as they do a
            hair behind the boundary; `None` leaves them. Perturbations that
            were to be small are lengthened first, unless the model is
            randomised; where that fools it, nothing is run again.
        balls: Balls that a lengthened perturbation doesn't leave, beside
            the attack's own.

    Raises:
        ValueError: If the model doesn't return one row of logits an image.
    """

    def __init__(
        self,
        model: keras.Model,
        image_shape: tuple[int, int, int],
        *,
        attacked: keras.layers.Layer,
        draws: int,
        own: keras.layers.Layer | None = None,
        balls: Sequence[ThreatModel] = (),
    ):
        self.model = model
        self.attacked = attacked
        self.draws = draws
        self._own = own
        self._balls = balls
        self._stochastic = is_stochastic(model)
        self._predict, self.num_classes = _compile(model, image_shape)
        if own is not None:
            self._predict_attacked, _ = _compile(attacked, image_shape)

    def score(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        attack: Callable | None = None,
        *,
        indices: np.ndarray,
    ) -> ImageResults:
        """Returns what the attack does to a batch of images.

        Args:
            images: Float32 images in [0, 1].
            labels: True classes, int64.
            attack: `(model, images, labels) -> images`; `None` scores the
                images as they are.
            indices: Places of the images in the data set.

        Raises:
            ValueError: If the attack's images are not in [0, 1] or leave
                the ball of its `threat`.
        """
        began = time.perf_counter()
        crafted = images
        if attack is not None:
            crafted = self.craft(attack, images, labels)
        predictions = np.stack(
            [self._predict(crafted).numpy() for _ in range(self.draws)]
        )
        outcome = ImageResults.measure(
            images,
            crafted,
            predictions == labels,
            indices=indices,
            seconds=time.perf_counter() - began,
        )
        if attack is not None:
            _check_crafted(attack, crafted, outcome)
        return outcome

    def craft(
        self, attack: Callable, images: np.ndarray, labels: np.ndarray
    ) -> np.ndarray:
        """Returns the attack's images, of which the model mistakes what it can.

        Raises:
            ValueError: If they are of another shape than the originals.
        """
        crafted = _craft(attack, self.attacked, images, labels)
        if self._own is None:
            return crafted
        right = self._predict(crafted).numpy() == labels
        wrong = self._predict_attacked(crafted).numpy() != labels
        lost = np.flatnonzero(right & wrong)
        if not len(lost):
            return crafted
        crafted = crafted.copy()
        if getattr(attack, "minimal", False) and not self._stochastic:
            crafted[lost], fools = lengthen_until_fooled(
                lambda images: self._predict(images).numpy(),
                images[lost],
                crafted[lost],
                labels[lost],
                levels=attack.levels,
                balls=[b for b in (*self._balls, attack.threat) if b],
            )
            lost = lost[~fools]
        if len(lost):
            crafted[lost] = _craft(
                attack, self._own, images[lost], labels[lost]
            )
        return crafted


def _craft(attack, model, images, labels):
    crafted = np.asarray(attack(model, images, labels))
    if crafted.shape != images.shape:
        raise ValueError(
            "An attack must return images of the shape it was given, "
            f"{images.shape}. Received: {attack!r} returned {crafted.shape}"
        )
    return crafted


def _compile(model, image_shape):
    """Returns the traced prediction of classes, and their number.

    An image with a logit that is not finite is of class -1, always wrong.
    """
    num_classes = None

    def predict(images):
        nonlocal num_classes
        logits = tf.cast(model(images, training=False), "float32")
        if logits.shape.rank != 2 or logits.shape[-1] in (None, 1):
            raise ValueError(
                "The model must map images to logits, (batch, classes), of two "
                "classes or more. "
                f"Received: {model.name} with output shape {logits.shape}"
            )
        num_classes = logits.shape[-1]
        finite = tf.reduce_all(tf.math.is_finite(logits), axis=-1)
        return tf.where(finite, tf.argmax(logits, axis=-1), -1)

    graph = tf.function(predict, autograph=False).get_concrete_function(
        tf.TensorSpec((None, *image_shape), "float32")
    )
    return graph, num_classes


def _check_crafted(attack, crafted, outcome):
    low, high = float(np.min(crafted)), float(np.max(crafted))
    if not (low >= 0 and high <= 1):  # NaN fails too.
        raise ValueError(
            "An attack must return images in [0, 1]. "
            f"Received: {attack!r} returned values from {low:g} to {high:g}"
        )
    threat = getattr(attack, "threat", None)
    if threat is not None and not outcome.inside(threat).all():
        longest = float(np.max(getattr(outcome, threat.norm)))
        raise ValueError(
            f"An attack must stay in its ball, {threat}. "
            f"Received: {attack!r} returned a perturbation of {longest:g}"
        )


def lengthen_until_fooled(
    predict: Callable[[np.ndarray], np.ndarray],
    images: np.ndarray,
    crafted: np.ndarray,
    labels: np.ndarray,
    *,
    levels: int | None = None,
    balls: Iterable[ThreatModel] = (),
) -> tuple[np.ndarray, np.ndarray]:
    """Lengthens perturbations until they fool, by as little as may be found.

    By the least of a few factors, from which a few bisections go back.

    Args:
        predict: Maps images to classes, always the same.
        images: The originals.
        crafted: What an attack made of them.
        labels: True classes.
        levels: Grey levels of the results; `None` for any.
        balls: Balls that no perturbation leaves that was inside.

    Returns:
        Float32 images in [0, 1], and whether each was moved across; others
        are as crafted.
    """
    moved = crafted.copy()
    below, above = np.ones(len(crafted)), np.full(len(crafted), np.inf)
    before = [(ball, metrics.inside(images, crafted, ball)) for ball in balls]

    def try_at(lengths, indices):
        """Keeps what fools, and where it does and doesn't."""
        originals = images[indices]
        candidates = _lengthened(originals, crafted[indices], lengths, levels)
        allowed = np.ones(len(indices), bool)
        for ball, inside in before:
            allowed &= ~inside[indices] | metrics.inside(
                originals, candidates, ball
            )
        fools = np.zeros(len(indices), bool)
        if allowed.any():
            wrong = predict(candidates[allowed]) != labels[indices][allowed]
            fools[allowed] = wrong
        moved[indices[fools]] = candidates[fools]
        above[indices[fools]] = lengths[fools]
        below[indices[~fools]] = lengths[~fools]

    for length in _LENGTHS:
        indices = np.flatnonzero(np.isinf(above))
        try_at(np.full(len(indices), length), indices)
    indices = np.flatnonzero(np.isfinite(above))
    for _ in range(_HALVINGS):
        try_at((below + above)[indices] / 2, indices)
    return moved, np.isfinite(above)


def _lengthened(images, crafted, lengths, levels):
    longer = images + lengths[:, None, None, None] * (crafted - images)
    if levels is not None:
        longer = np.round(longer * (levels - 1)) / (levels - 1)
    return np.clip(longer, 0, 1).astype("float32")
