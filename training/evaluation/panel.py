"""One model's side of a picture."""

import dataclasses
from collections.abc import Callable

import keras
import numpy as np
from numpy.typing import ArrayLike

from zoo.confidences import are_confidences
from zoo.training.attacks.adaptive_view import adaptive_view
from zoo.training.evaluation.phase import Phase
from zoo.training.evaluation.randomness import is_stochastic
from zoo.training.evaluation.randomness import owned_randomness


@dataclasses.dataclass(frozen=True)
class Panel:
    """What a model says of some images before and after an attack on it.

    Args:
        name: The model's name in the picture.
        adversarial: Images made against this model, NHWC in [0, 1].
        clean_confidences: Probabilities of the originals' classes,
            `(images, classes)`.
        adversarial_confidences: Probabilities of the adversarial images'
            classes, `(images, classes)`.
    """

    name: str
    adversarial: np.ndarray
    clean_confidences: np.ndarray
    adversarial_confidences: np.ndarray

    @classmethod
    def of(
        cls,
        model: keras.Model,
        attack: Callable,
        images: ArrayLike,
        labels: ArrayLike,
        *,
        name: str | None = None,
        draws: int = 10,
        seed: int = 0,
    ) -> "Panel":
        """Attacks a model and classifies the images before and after.

        As in `evaluate`, the attack sees a straight-through gradient where a
        layer hides its own.

        Args:
            model: Maps pixels in [0, 1] to logits; confidences are taken as
                they are.
            attack: `(model, images, labels) -> images`.
            images: Float32 images in [0, 1], NHWC.
            labels: True classes.
            name: The model's own name if `None`.
            draws: Forward passes whose confidences are averaged, if the
                model is randomised.
            seed: Of the model's randomness and the attack's, which are given
                back as they were.
        """
        draws = draws if is_stochastic(model) else 1
        images = np.asarray(images, "float32")

        def confidences(batch):
            passes = [
                _confidences(model(batch, training=False)) for _ in range(draws)
            ]
            return np.mean(passes, axis=0)

        generators = Phase(attack).generators
        with owned_randomness([model], seed, generators) as reseed:
            reseed("panel", 0)
            adversarial = np.asarray(
                attack(adaptive_view(model), images, labels)
            )
            return cls(
                name=name or model.name,
                adversarial=adversarial,
                clean_confidences=confidences(images),
                adversarial_confidences=confidences(adversarial),
            )


def _confidences(outputs) -> np.ndarray:
    given = keras.ops.convert_to_numpy(outputs)
    if are_confidences(given):
        return given
    return keras.ops.convert_to_numpy(keras.ops.softmax(outputs))
