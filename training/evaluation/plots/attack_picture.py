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
from zoo.inspection import check_float_input
from zoo.inspection import is_stochastic
from zoo.training.attacks.adaptive_view import adaptive_view
from zoo.training.evaluation.engine.interruption import interruptible
from zoo.training.evaluation.engine.progress import Progress
from zoo.training.evaluation.engine.progress import run_attack
from zoo.training.evaluation.engine.randomness import owned_randomness
from zoo.training.evaluation.planned_attack import PlannedAttack
from zoo.training.evaluation.plots.image_grid import FAINT
from zoo.training.evaluation.plots.image_grid import INK
from zoo.training.evaluation.plots.image_grid import ImageGrid
from zoo.training.evaluation.results import metrics

_RIGHT = "#1a7f37"
_WRONG = "#cf222e"
_MIXED = "#9a6700"
_LONGEST_NAME = 24


@dataclasses.dataclass(frozen=True)
class AttackedImages:
    """Images attacked on a model, and what it says before and after.

    Args:
        name: The model's name in the picture.
        adversarial: The attack's images, NHWC in [0, 1].
        clean_probabilities: Probabilities of the originals' classes,
            `(images, classes)`.
        adversarial_probabilities: Probabilities of the adversarial images'
            classes, `(images, classes)`.
        clean_right: Whether each draw of a randomised model classified each
            original right, bools of shape `(draws, images)`; `None` if the
            model isn't randomised.
        adversarial_right: The same of the adversarial images.
    """

    name: str
    adversarial: np.ndarray
    clean_probabilities: np.ndarray
    adversarial_probabilities: np.ndarray
    clean_right: np.ndarray | None = None
    adversarial_right: np.ndarray | None = None

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
        progress: bool = False,
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
            draws: Forward passes whose probabilities are averaged, if the
                model is randomised.
            seed: Of the randomness of the model, the attack and the models
                that it transfers from; their state is restored at the end.
            progress: Whether to draw a progress bar, if standard error is a
                terminal.

        Raises:
            ValueError: If the model takes pixels of an integer type, or the
                attack refuses model, images or labels.
        """
        check_float_input(model)
        stochastic = is_stochastic(model)
        draws = draws if stochastic else 1
        images, labels = np.asarray(images, "float32"), np.asarray(labels)

        def classify(batch):
            """Returns mean probabilities, and which draws are right."""
            passes = [
                _probabilities(model(batch, training=False))
                for _ in range(draws)
            ]
            right = metrics.predicted_classes(np.stack(passes)) == labels
            return np.mean(passes, axis=0), right if stochastic else None

        planned = PlannedAttack(attack)
        display = Progress(enabled=progress)
        randomness = owned_randomness(
            [model, *planned.sources], seed, planned.generators
        )
        with display, interruptible(), randomness as reseed:
            bar = display.add(planned, len(images))
            bar.begin(len(images))
            reseed(planned.text, 0)
            adversarial = np.asarray(
                run_attack(
                    attack,
                    adaptive_view(model),
                    images,
                    labels,
                    counter=display.counter,
                )
            )
            clean_probabilities, clean_right = classify(images)
            probabilities, right = classify(adversarial)
            bar.advance(float(np.mean(probabilities.argmax(axis=-1) == labels)))
        return cls(
            name=name or model.name,
            adversarial=adversarial,
            clean_probabilities=clean_probabilities,
            adversarial_probabilities=probabilities,
            clean_right=clean_right,
            adversarial_right=right,
        )


def _probabilities(outputs) -> np.ndarray:
    outputs = keras.ops.cast(outputs, "float32")
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
    it, with the class that it answers and its probability, and a row of the
    magnified changes, all on one scale. Right answers are green and marked ✓,
    wrong ones red and marked ✗. Of a randomised model the probability is the
    mean of its draws; a bar below each image shows the share of draws that
    are right, and an answer that not all draws agree on is amber and marked
    ◐. Names are cut after 24 letters.

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
        [1 + len(attacked), *(n for one in attacked for n in (_lines(one), 1))],
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


def _lines(one):
    """Returns the number of lines below a model's adversarial images."""
    return 1 if one.adversarial_right is None else 2


def _draw_originals(grid, images, labels, attacked, class_names):
    grid.label(0, "Original")
    grid.label_lines(0, ["class", *(_shortened(one.name) for one in attacked)])
    for column, label in enumerate(labels):
        answers = [
            _answer(
                one.clean_probabilities[column],
                label,
                class_names,
                _of_column(one.clean_right, column),
            )
            for one in attacked
        ]
        grid.image(0, column, images[column])
        grid.caption(
            0, column, [(_shortened(class_names[label]), INK), *answers]
        )


def _draw_attacked(grid, row, labels, one, class_names):
    grid.label(row, _shortened(one.name), "attacked")
    for column, label in enumerate(labels):
        right = _of_column(one.adversarial_right, column)
        text, color = _answer(
            one.adversarial_probabilities[column], label, class_names, right
        )
        lines = [(text, color)]
        grid.image(row, column, one.adversarial[column], color)
        if right is not None:
            grid.share(row, column, right.mean(), (_RIGHT, _WRONG))
            share = f"{right.sum()} of {len(right)} draws right"
            lines.append((share, color))
        grid.caption(row, column, lines, bold=True)


def _of_column(right, column):
    return None if right is None else right[:, column]


def _draw_changes(grid, row, images, one, change, largest):
    grid.label(row, "", "change")
    l2 = metrics.l2_norms(images, one.adversarial)
    linf = metrics.linf_norms(images, one.adversarial)
    for column in range(len(images)):
        grid.change(row, column, change[column], largest)
        text = f"L2 {l2[column]:.2f}  L∞ {linf[column]:.3f}"
        grid.caption(row, column, [(text, FAINT)])


def _answer(probabilities, label, class_names, right=None):
    """Returns a marked answer with its probability, and its colour.

    Args:
        right: Whether each draw of a randomised model is right.
    """
    answer = int(np.argmax(probabilities))
    share = answer == label if right is None else np.mean(right)
    mark, color = "◐", _MIXED
    if share in (0, 1):
        mark, color = ("✓", _RIGHT) if share else ("✗", _WRONG)
    name = _shortened(class_names[answer])
    return f"{mark} {name} {probabilities[answer]:.0%}", color


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
            or one.clean_probabilities.shape != shape
            or one.adversarial_probabilities.shape != shape
            or not _fit(one.clean_right, len(images))
            or not _fit(one.adversarial_right, len(images))
        ):
            raise ValueError(
                f"attacked must be {len(images)} images and their "
                f"probabilities in {len(class_names)} classes. "
                f"Received: {one.name} with "
                f"{one.adversarial.shape}, {one.clean_probabilities.shape}, "
                f"{one.adversarial_probabilities.shape}"
            )
    if labels.shape != (len(images),):
        raise ValueError(
            f"labels must be one an image. Received: shape={labels.shape}"
        )


def _fit(right, images):
    return right is None or (right.ndim == 2 and right.shape[1] == images)
