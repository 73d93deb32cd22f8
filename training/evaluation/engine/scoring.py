"""Attacks a batch of images and classifies the results."""

import time
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from zoo.threat import ThreatModel
from zoo.training.attacks.parts.gradients import loss_gradient
from zoo.training.evaluation.engine.progress import PassCounter
from zoo.training.evaluation.engine.progress import run_attack
from zoo.training.evaluation.results import metrics
from zoo.training.evaluation.results.image_results import ImageResults

_FACTORS = 1 + 2.0 ** np.arange(-7, 0)
"""Factors that a perturbation is scaled by, from 1.008 to 1.5."""
_BISECTION_STEPS = 3


class Scorer:
    """Attacks and classifies images through one traced graph.

    Args:
        model: Maps pixels in [0, 1] to logits.
        image_shape: `(height, width, channels)`.
        attacked: What attacks are run on, such as the model's adaptive view.
        draws: Forward passes that score each image.
        stochastic: Whether the model's predictions are random.
        full_precision: Full-precision model to re-attack when an image fools
            `attacked` but not `model`; `None` disables this. Minimum-norm
            perturbations are first lengthened, unless the model is
            randomised; an image that then fools it is not attacked again.
        balls: Balls that a lengthened perturbation must not leave, besides
            the attack's own.
        counter: Counts the attacks' forward passes; `None` for nothing.

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
        stochastic: bool,
        full_precision: keras.layers.Layer | None = None,
        balls: Sequence[ThreatModel] = (),
        counter: PassCounter | None = None,
    ):
        self.model = model
        self.attacked = attacked
        self.draws = draws
        self._full_precision = full_precision
        self._balls = balls
        self._counter = counter
        self._stochastic = stochastic
        self._predict, self.num_classes = _compile(model, image_shape)
        if full_precision is not None:
            self._predict_attacked, _ = _compile(attacked, image_shape)

    def score(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        attack: Callable | None = None,
        *,
        indices: np.ndarray,
    ) -> ImageResults:
        """Attacks and classifies a batch of images.

        Args:
            images: Float32 images in [0, 1].
            labels: True classes, int64.
            attack: `(model, images, labels) -> images`; `None` scores the
                images as they are.
            indices: Positions of the images in the data set.

        Raises:
            ValueError: If the attack's images are not in [0, 1] or leave
                the ball of its `threat`.
        """
        began = time.perf_counter()
        crafted = images
        if attack is not None:
            crafted = self.craft(attack, images, labels)
        predictions = np.stack(
            [self._predict(crafted) for _ in range(self.draws)]
        )
        results = ImageResults.measure(
            images,
            crafted,
            predictions == labels,
            indices=indices,
            seconds=time.perf_counter() - began,
        )
        if attack is not None:
            _check_crafted(attack, crafted, results)
        return results

    def craft(
        self, attack: Callable, images: np.ndarray, labels: np.ndarray
    ) -> np.ndarray:
        """Returns the attack's images, made again where only a copy is fooled.

        Raises:
            ValueError: If they are of another shape than the originals.
        """
        crafted = self._attack(attack, self.attacked, images, labels)
        if self._full_precision is None:
            return crafted
        right = self._predict(crafted) == labels
        wrong = self._predict_attacked(crafted) != labels
        lost = np.flatnonzero(right & wrong)  # These fool the copy alone.
        if not len(lost):
            return crafted
        crafted = crafted.copy()
        if getattr(attack, "minimal", False) and not self._stochastic:
            crafted[lost], fools = lengthen_until_fooled(
                self._predict,
                images[lost],
                crafted[lost],
                labels[lost],
                levels=attack.levels,
                balls=[b for b in (*self._balls, attack.threat) if b],
            )
            lost = lost[~fools]
        if len(lost):
            crafted[lost] = self._attack(
                attack, self._full_precision, images[lost], labels[lost]
            )
        return crafted

    def _attack(self, attack, model, images, labels):
        crafted = np.asarray(
            run_attack(attack, model, images, labels, counter=self._counter)
        )
        if crafted.shape != images.shape:
            raise ValueError(
                "An attack must return images of the shape it was given, "
                f"{images.shape}. Received: {attack!r} returned {crafted.shape}"
            )
        return crafted


def _compile(model, image_shape):
    """Returns the traced prediction of classes, and their number."""
    num_classes = None

    def logits_of(images):
        nonlocal num_classes
        logits = tf.cast(model(images, training=False), "float32")
        if logits.shape.rank != 2 or logits.shape[-1] in (None, 1):
            raise ValueError(
                "The model must map images to logits, (batch, classes), of two "
                "classes or more. "
                f"Received: {model.name} with output shape {logits.shape}"
            )
        num_classes = logits.shape[-1]
        return logits

    graph = tf.function(logits_of, autograph=False).get_concrete_function(
        tf.TensorSpec((None, *image_shape), "float32")
    )

    def predict(images):
        return metrics.predicted_classes(graph(images).numpy())

    return predict, num_classes


def input_gradients(
    attacked: keras.layers.Layer, images: np.ndarray, labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns what a gradient attack meets at the images themselves.

    Args:
        attacked: What attacks are run on.
        images: Float32 images in [0, 1].
        labels: True classes.

    Returns:
        Gradients of the images' shape, and logits, `(images, classes)`.
    """
    gradients, logits = loss_gradient(
        lambda batch: tf.cast(attacked(batch, training=False), "float32"),
        tf.convert_to_tensor(images),
        tf.cast(labels, "int32"),
    )
    return gradients.numpy(), logits.numpy()


def _check_crafted(attack, crafted, results):
    low, high = float(np.min(crafted)), float(np.max(crafted))
    if not (low >= 0 and high <= 1):  # NaN fails too.
        raise ValueError(
            "An attack must return images in [0, 1]. "
            f"Received: {attack!r} returned values from {low:g} to {high:g}"
        )
    threat = getattr(attack, "threat", None)
    if threat is not None and not results.inside(threat).all():
        longest = float(np.max(getattr(results, threat.norm)))
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
    """Scales each perturbation by the smallest factor tried that fools.

    The factors grow until one fools the model; a few bisection steps then
    shorten it.

    Args:
        predict: Maps images to classes, without randomness.
        images: The originals.
        crafted: The attack's images.
        labels: True classes.
        levels: Grey levels of the results; `None` for any.
        balls: Balls that no perturbation inside may leave.

    Returns:
        Float32 images in [0, 1], and whether each now fools the model. The
        others are returned as they were crafted.
    """
    lengthened = crafted.copy()
    below, above = np.ones(len(crafted)), np.full(len(crafted), np.inf)
    before = [(ball, metrics.inside(images, crafted, ball)) for ball in balls]

    def try_factors(factors, indices):
        """Keeps what fools, and the factors that do and don't."""
        originals = images[indices]
        candidates = _scaled(originals, crafted[indices], factors, levels)
        allowed = np.ones(len(indices), bool)
        for ball, inside in before:
            allowed &= ~inside[indices] | metrics.inside(
                originals, candidates, ball
            )
        fools = np.zeros(len(indices), bool)
        if allowed.any():
            wrong = predict(candidates[allowed]) != labels[indices][allowed]
            fools[allowed] = wrong
        lengthened[indices[fools]] = candidates[fools]
        above[indices[fools]] = factors[fools]
        below[indices[~fools]] = factors[~fools]

    for factor in _FACTORS:
        indices = np.flatnonzero(np.isinf(above))
        try_factors(np.full(len(indices), factor), indices)
    indices = np.flatnonzero(np.isfinite(above))
    for _ in range(_BISECTION_STEPS):
        try_factors((below + above)[indices] / 2, indices)
    return lengthened, np.isfinite(above)


def _scaled(images, crafted, factors, levels):
    longer = images + factors[:, None, None, None] * (crafted - images)
    if levels is not None:
        longer = np.round(longer * (levels - 1)) / (levels - 1)
    return np.clip(longer, 0, 1).astype("float32")
