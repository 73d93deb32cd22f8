"""A picture of what an attack does to one model or several."""

import dataclasses
import os
from collections.abc import Callable
from collections.abc import Sequence

import keras
import numpy as np
from numpy.typing import ArrayLike

from zoo.atomic_write import atomic_write
from zoo.inspection import are_probabilities
from zoo.inspection import is_stochastic
from zoo.training.attacks.adaptive_view import adaptive_view
from zoo.training.evaluation.engine.randomness import owned_randomness
from zoo.training.evaluation.planned_attack import PlannedAttack
from zoo.training.evaluation.plots.image_grid import FAINT
from zoo.training.evaluation.plots.image_grid import INK
from zoo.training.evaluation.plots.image_grid import ImageGrid
from zoo.training.evaluation.results import metrics

_RIGHT = "#1a7f37"
_WRONG = "#cf222e"
_LONGEST_NAME = 24


@dataclasses.dataclass(frozen=True)
class AttackedImages:
    """Images attacked on a model, and what it says before and after.

    Args:
        name: The model's name in the picture.
        adversarial: The attack's images, NHWC in [0, 1].
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
    def from_model(
        cls,
        model: keras.Model,
        attack: Callable,
        images: ArrayLike,
        labels: ArrayLike,
        *,
        name: str | None = None,
        draws: int = 10,
        seed: int = 0,
    ) -> "AttackedImages":
        """Attacks a model and classifies the images before and after.

        As in `evaluate`, the attack sees a straight-through gradient where a
        layer hides its own.

        Args:
            model: Maps pixels in [0, 1] to logits. Outputs that are
                probabilities already are taken as they are.
            attack: `(model, images, labels) -> images`.
            images: Float32 images in [0, 1], NHWC.
            labels: True classes.
            name: The model's own name if `None`.
            draws: Forward passes whose confidences are averaged, if the
                model is randomised.
            seed: Of the model's randomness and the attack's, whose state is
                restored at the end.
        """
        draws = draws if is_stochastic(model) else 1
        images = np.asarray(images, "float32")

        def confidences(batch):
            passes = [
                _confidences(model(batch, training=False)) for _ in range(draws)
            ]
            return np.mean(passes, axis=0)

        generators = PlannedAttack(attack).generators
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
    if are_probabilities(given):
        return given
    return keras.ops.convert_to_numpy(keras.ops.softmax(outputs))


def picture(
    images: ArrayLike,
    labels: ArrayLike,
    attacked: Sequence[AttackedImages],
    class_names: Sequence[str],
    path: str | os.PathLike,
    *,
    title: str = "",
    dpi: int = 144,
) -> None:
    """Draws originals, and each model's adversarial images and changes.

    Each image has a column. Each model has a row of the images attacked on
    it, with the class and confidence that it gives them, and a row of the
    magnified changes, all on one scale. Right answers are green and marked ✓,
    wrong ones red and marked ✗. Names are cut after 24 letters.

    Args:
        images: Originals, NHWC in [0, 1], grey or colour.
        labels: True classes.
        attacked: The images attacked on each model, one or more.
        class_names: One name a class.
        path: PNG file to write.
        title: What is shown, such as the attack and the data set.
        dpi: Pixels an inch.

    Raises:
        OSError: If the file cannot be written.
        ValueError: If there are no images or no models, or the arguments don't
            fit together.
    """
    images, labels = np.asarray(images), np.asarray(labels)
    _check(images, labels, attacked, class_names)
    grid = ImageGrid(
        len(images),
        [1 + len(attacked)] + [1, 1] * len(attacked),
        title=title,
        dpi=dpi,
    )
    _draw_originals(grid, images, labels, attacked, class_names)
    changes = [one.adversarial.astype("float64") - images for one in attacked]
    # One pixel that stands out shall not fade all others.
    largest = max(1 / 255, float(np.percentile(np.abs(changes), 99)))
    for index, (one, change) in enumerate(zip(attacked, changes, strict=True)):
        row = 1 + 2 * index
        _draw_attacked(grid, row, labels, one, class_names)
        _draw_changes(grid, row + 1, images, one, change, largest)
    grid.scale(largest, grey=images.shape[-1] == 1)
    with atomic_write(path) as temporary:
        grid.write_png(temporary)


def _draw_originals(grid, images, labels, attacked, class_names):
    grid.label(0, "Original")
    grid.label_lines(0, ["class", *(_shortened(one.name) for one in attacked)])
    for column, label in enumerate(labels):
        verdicts = [
            _verdict(one.clean_confidences[column], label, class_names)
            for one in attacked
        ]
        grid.image(0, column, images[column])
        grid.caption(
            0, column, [(_shortened(class_names[label]), INK), *verdicts]
        )


def _draw_attacked(grid, row, labels, one, class_names):
    grid.label(row, _shortened(one.name), "attacked")
    for column, label in enumerate(labels):
        text, color = _verdict(
            one.adversarial_confidences[column], label, class_names
        )
        grid.image(row, column, one.adversarial[column], color)
        grid.caption(row, column, [(text, color)], bold=True)


def _draw_changes(grid, row, images, one, change, largest):
    grid.label(row, "", "change")
    l2 = metrics.l2_norms(images, one.adversarial)
    linf = metrics.linf_norms(images, one.adversarial)
    for column in range(len(images)):
        grid.change(row, column, change[column], largest)
        text = f"L2 {l2[column]:.2f}  L∞ {linf[column]:.3f}"
        grid.caption(row, column, [(text, FAINT)])


def _verdict(confidences, label, class_names):
    """Returns a marked answer with its confidence, and its colour."""
    answer = int(np.argmax(confidences))
    mark, color = ("✓", _RIGHT) if answer == label else ("✗", _WRONG)
    name = _shortened(class_names[answer])
    return f"{mark} {name} {confidences[answer]:.0%}", color


def _shortened(name):
    if len(name) <= _LONGEST_NAME:
        return name
    return name[: _LONGEST_NAME - 1] + "…"


def _check(images, labels, attacked, class_names):
    if images.ndim != 4 or not len(images) or images.shape[-1] not in (1, 3):
        raise ValueError(
            "images must be at least one, NHWC, of 1 or 3 channels. "
            f"Received: shape={images.shape}"
        )
    if not attacked:
        raise ValueError("attacked must be one model's or more. Received: none")
    shape = (len(images), len(class_names))
    for one in attacked:
        if (
            one.adversarial.shape != images.shape
            or one.clean_confidences.shape != shape
            or one.adversarial_confidences.shape != shape
        ):
            raise ValueError(
                f"attacked must be {len(images)} images and their confidences "
                f"in {len(class_names)} classes. Received: {one.name} with "
                f"{one.adversarial.shape}, {one.clean_confidences.shape}, "
                f"{one.adversarial_confidences.shape}"
            )
    if labels.shape != (len(images),):
        raise ValueError(
            f"labels must be one an image. Received: shape={labels.shape}"
        )
