"""A picture of what an attack does to several models."""

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
    panels: Sequence[AttackedImages],
    class_names: Sequence[str],
    path: str | os.PathLike,
    *,
    title: str = "",
    dpi: int = 144,
) -> None:
    """Draws originals, and each model's adversarial images and changes.

    A column an image; for each model a row of the images made against it,
    each with the class the model then sees and its confidence, and a row of
    the magnified changes, all on one scale. Right answers are green and
    marked ✓, wrong ones red and marked ✗. Of names, 24
    letters are shown.

    Args:
        images: Originals, NHWC in [0, 1], grey or colour.
        labels: True classes.
        panels: What each model makes of the images.
        class_names: One name a class.
        path: PNG file to write.
        title: What is shown, such as the attack and the data set.
        dpi: Pixels an inch.

    Raises:
        OSError: If the file cannot be written.
        ValueError: If there are no images or no panels, or they don't fit
            together.
    """
    images, labels = np.asarray(images), np.asarray(labels)
    _check(images, labels, panels, class_names)
    sheet = ImageGrid(
        len(images),
        [1 + len(panels)] + [1, 1] * len(panels),
        title=title,
        dpi=dpi,
    )
    _draw_originals(sheet, images, labels, panels, class_names)
    changes = [panel.adversarial.astype("float64") - images for panel in panels]
    # One pixel that stands out shall not fade all others.
    largest = max(1 / 255, float(np.percentile(np.abs(changes), 99)))
    for index, (panel, change) in enumerate(zip(panels, changes, strict=True)):
        row = 1 + 2 * index
        _draw_attacked(sheet, row, labels, panel, class_names)
        _draw_changes(sheet, row + 1, images, panel, change, largest)
    sheet.scale(largest, grey=images.shape[-1] == 1)
    with atomic_write(path) as temporary:
        sheet.write_png(temporary)


def _draw_originals(sheet, images, labels, panels, class_names):
    sheet.label(0, "Original")
    sheet.label_lines(0, ["class", *(_shortened(p.name) for p in panels)])
    for column, label in enumerate(labels):
        verdicts = [
            _verdict(panel.clean_confidences[column], label, class_names)
            for panel in panels
        ]
        sheet.image(0, column, images[column])
        sheet.caption(
            0, column, [(_shortened(class_names[label]), INK), *verdicts]
        )


def _draw_attacked(sheet, row, labels, panel, class_names):
    sheet.label(row, _shortened(panel.name), "attacked")
    for column, label in enumerate(labels):
        text, color = _verdict(
            panel.adversarial_confidences[column], label, class_names
        )
        sheet.image(row, column, panel.adversarial[column], color)
        sheet.caption(row, column, [(text, color)], bold=True)


def _draw_changes(sheet, row, images, panel, change, largest):
    sheet.label(row, "", "change")
    l2 = metrics.l2_norms(images, panel.adversarial)
    linf = metrics.linf_norms(images, panel.adversarial)
    for column in range(len(images)):
        sheet.change(row, column, change[column], largest)
        text = f"L2 {l2[column]:.2f}  L∞ {linf[column]:.3f}"
        sheet.caption(row, column, [(text, FAINT)])


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


def _check(images, labels, panels, class_names):
    if images.ndim != 4 or not len(images) or images.shape[-1] not in (1, 3):
        raise ValueError(
            "images must be at least one, NHWC, of 1 or 3 channels. "
            f"Received: shape={images.shape}"
        )
    if not panels:
        raise ValueError("panels must be at least one. Received: none")
    shape = (len(images), len(class_names))
    for panel in panels:
        if (
            panel.adversarial.shape != images.shape
            or panel.clean_confidences.shape != shape
            or panel.adversarial_confidences.shape != shape
        ):
            raise ValueError(
                f"A panel must hold {len(images)} images and their confidences "
                f"in {len(class_names)} classes. Received: {panel.name} with "
                f"{panel.adversarial.shape}, {panel.clean_confidences.shape}, "
                f"{panel.adversarial_confidences.shape}"
            )
    if labels.shape != (len(images),):
        raise ValueError(
            f"labels must be one an image. Received: shape={labels.shape}"
        )
