"""Grid search of a multi-scale ensemble's weights."""

import dataclasses
import itertools
from collections.abc import Callable
from collections.abc import Sequence

import keras
import numpy as np
from numpy.typing import ArrayLike

from zoo.inspection import check_float_input
from zoo.inspection import class_count
from zoo.inspection import input_shape
from zoo.inspection import is_stochastic
from zoo.models.scale_views import find_ensemble
from zoo.models.scale_views import scale_views
from zoo.training.attacks.adaptive_view import adaptive_view
from zoo.training.evaluation.engine.interruption import interruptible
from zoo.training.evaluation.engine.randomness import owned_randomness
from zoo.training.evaluation.results import metrics
from zoo.validation import check_images
from zoo.validation import check_labels

VALUES = (0.001, 0.01, 0.1, 1.0, 10.0)
"""The paper's range."""

_MOST = 10_000
"""Combinations that are scored on each batch at once."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScaleWeights:
    """Weights of an ensemble's scales, and its accuracy with them.

    Args:
        scales: Side lengths of the ensemble.
        weights: Lambda of equation 1, one a scale; the largest is 1.
        own: Whether they are the model's present weights.
        clean: Accuracy on the images.
        adversarial: Accuracy on the adversarial images, if there are any.
    """

    scales: tuple[int, ...]
    weights: tuple[float, ...]
    own: bool
    clean: float
    adversarial: float | None = None


def search_scale_weights(
    model: keras.Model,
    images: ArrayLike,
    labels: ArrayLike,
    *,
    attack: Callable | None = None,
    values: Sequence[float] = VALUES,
    batch_size: int = 128,
    draws: int = 1,
    seed: int = 0,
) -> list[ScaleWeights]:
    """Scores a multi-scale ensemble with every combination of weights.

    Every scale is predicted once, and all combinations are scored from these
    predictions. Combinations that are equal up to a factor are scored once:
    of three scales and five values in the ratio of ten, 61 of 125 are left.
    The model's own weights are scored too.

    The adversarial images are made with the model's own weights, so other
    weights look better on them than under an attack of their own. Measure
    the chosen weights with `evaluate`.

    Args:
        model: Functional model that ends in a `MultiScaleEnsemble`.
        images: Float pixels in [0, 1], NHWC.
        labels: True classes, integers of shape `(images,)`.
        attack: `(model, images, labels) -> images`; `None` for clean images
            alone.
        values: Numbers each weight is tried with, above 0.
        batch_size: Images predicted at a time.
        draws: Forward passes an image, if the model is randomised.
        seed: Of the model's and the attack's randomness.

    Returns:
        The most accurate on adversarial images first, if there are any; then
        the most accurate on clean ones.

    Raises:
        ValueError: If the model has no multi-scale ensemble, or an argument
            is wrong.

    Reference: IRM, section II.B.
    """
    views = scale_views(model)
    if views is None:
        raise ValueError(
            "The model must end in a MultiScaleEnsemble. "
            f"Received: model={model.name}"
        )
    if not values or min(values) <= 0:
        raise ValueError(
            f"values must be above 0, at least one. Received: values={values}"
        )
    ensemble = find_ensemble(model)
    count = len(values) ** len(ensemble.scale_weights)
    if count > _MOST:
        raise ValueError(
            f"There may be at most {_MOST:,} combinations of weights. "
            f"Received: {count:,} of {len(values)} values"
        )
    if batch_size < 1 or draws < 1:
        raise ValueError(
            "batch_size and draws must be positive. Received: "
            f"batch_size={batch_size}, draws={draws}"
        )
    check_float_input(model)
    images = check_images(images, input_shape(model))
    labels = check_labels(labels, len(images), class_count(model))
    draws = draws if is_stochastic(model) else 1
    own = _scaled(ensemble.scale_weights)
    combinations = _combinations(own, values)
    weights = np.array(combinations)

    def right(batch, batch_labels):
        """Counts each combination's right answers over all draws."""
        total = np.zeros(len(weights))
        for _ in range(draws):
            logits = views.predict_on_batch(batch)
            probabilities = np.asarray(keras.ops.softmax(logits), "float64")
            merged = np.einsum("ws,nsc->wnc", weights, probabilities)
            classes = metrics.predicted_classes(merged)
            total += (classes == batch_labels).sum(axis=1)
        return total

    clean = np.zeros(len(weights))
    adversarial = np.zeros(len(weights))
    models = [model, *getattr(attack, "sources", ())]
    generators = getattr(attack, "generators", ())
    attacked = adaptive_view(model)
    randomness = owned_randomness(models, seed, generators)
    with interruptible(), randomness as reseed:
        for start in range(0, len(images), batch_size):
            batch = images[start : start + batch_size]
            batch_labels = labels[start : start + batch_size]
            reseed("clean", start)
            clean += right(batch, batch_labels)
            if attack is not None:
                reseed("adversarial", start)
                crafted = attack(attacked, batch, batch_labels)
                adversarial += right(np.asarray(crafted), batch_labels)
    count = draws * len(images)
    results = [
        ScaleWeights(
            scales=ensemble.scales,
            weights=combination,
            own=combination == own,
            clean=float(clean[index] / count),
            adversarial=(
                None if attack is None else float(adversarial[index] / count)
            ),
        )
        for index, combination in enumerate(combinations)
    ]
    return sorted(
        results, key=lambda r: (r.adversarial or 0.0, r.clean), reverse=True
    )


def _combinations(own, values):
    """Returns all combinations once, and the model's own."""
    grid = itertools.product(values, repeat=len(own))
    return list(dict.fromkeys([own, *map(_scaled, grid)]))


def _scaled(weights):
    """Divides by the largest, rounded so that equal ratios are equal."""
    return tuple(float(f"{w / max(weights):.9g}") for w in weights)
