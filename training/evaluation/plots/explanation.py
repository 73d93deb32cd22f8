"""A picture of what a model's verdicts rest on."""

import os
from collections.abc import Mapping
from collections.abc import Sequence

import keras
import numpy as np
from numpy.typing import ArrayLike

from zoo.atomic_write import atomic_write
from zoo.inspection import explanation
from zoo.training.evaluation.plots.image_grid import FAINT
from zoo.training.evaluation.plots.image_grid import FRAME
from zoo.training.evaluation.plots.image_grid import INK
from zoo.training.evaluation.plots.image_grid import ImageGrid

_GREY = ("alpha", "projection")
"""Parts that are pictures themselves, of pixels in [0, 1]."""

_LIMITS = {
    "alpha": (0.0, 1.0),
    "projection": (0.0, 1.0),
    "quality": (1.0, 100.0),
    "saliency": (0.0, 1.0),
    "similarity": (0.0, 1.0),
}
"""What maps range over; others are shown over what they have."""

_VECTORS = ("pose",)
"""Parts of several numbers a class; other parts of that rank are maps."""

_VERDICT = "#0969da"


def explain(
    model: keras.Model, images: ArrayLike
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Classifies images and returns what the verdicts rest on.

    Both come of one pass, so a random model explains the logits it gives.

    Args:
        model: Has tensors marked by `zoo.layers.Explained`.
        images: Float pixels in [0, 1], NHWC.

    Returns:
        Logits, `(images, classes)`, and the marked tensors by their names.

    Raises:
        ValueError: If the model marks nothing.
    """
    explained = explanation(model)
    if explained is None:
        raise ValueError(
            "A Keras model must mark what its verdicts rest on, by "
            "zoo.layers.Explained, as Mind's Eye and semantic JPEG do. "
            f"Received: {model.name}, which marks nothing"
        )
    both = keras.Model(
        model.inputs[0],
        {"logits": model.outputs[0], "parts": explained.output},
    )
    answers = both.predict(np.asarray(images), verbose=0)
    return answers["logits"], answers["parts"]


def explanation_picture(
    images: ArrayLike,
    names: Sequence[str],
    probabilities: ArrayLike,
    parts: Mapping[str, ArrayLike],
    class_names: Sequence[str],
    path: str | os.PathLike,
    *,
    title: str = "",
    dpi: int = 144,
) -> None:
    """Draws each image, its verdict, and what the verdict rests on.

    An image and the maps of it, `(images, height, width)`, share a row. Below,
    each map that there is of every class, `(images, classes, height, width)`,
    has a row, and each class a column. Numbers of each class, `(images,
    classes)`, or several, as a pose, are written below the first of these
    rows. The verdict is blue, and so are the frames of its class.

    Args:
        images: NHWC in [0, 1], grey or colour.
        names: Of the images.
        probabilities: Of the classes, `(images, classes)`.
        parts: What `explain` returns.
        class_names: One a class. Parts may leave out the last classes.
        path: PNG file to write.
        title: Heading.
        dpi: Pixels an inch.

    Raises:
        OSError: If the file cannot be written.
        ValueError: If a part is of another shape, or not finite.
    """
    images, probabilities = np.asarray(images), np.asarray(probabilities)
    parts = {name: np.asarray(part, "float64") for name, part in parts.items()}
    for name, part in parts.items():
        _check(name, part, len(images), len(class_names))
    drawn = {name: part for name, part in parts.items() if part.ndim == 4}
    written = {n: part for n, part in parts.items() if _is_written(n, part)}
    whole = {n: p for n, p in parts.items() if n not in drawn | written}
    of_classes = (drawn | written).values()
    classes = max((part.shape[1] for part in of_classes), default=0)
    captions = [2]
    if classes:
        captions += [1 + len(written), *[0] * (len(drawn) - 1)]
    grid = ImageGrid(
        max(1 + len(whole), classes),
        captions * len(images),
        title=title,
        dpi=dpi,
    )
    for index, (image, name) in enumerate(zip(images, names, strict=True)):
        row = index * len(captions)
        verdict = int(np.argmax(probabilities[index]))
        answer = f"{class_names[verdict]} {probabilities[index, verdict]:.1%}"
        grid.label(row, "Image")
        grid.image(row, 0, image)
        grid.caption(row, 0, [(answer, _VERDICT), (name, FAINT)])
        for column, (part, values) in enumerate(whole.items(), start=1):
            limits = _draw(grid, row, column, part, values[index])
            lines = [(_words(part), INK), (limits, FAINT)]
            grid.caption(row, column, lines)
        for below, (part, values) in enumerate(drawn.items(), start=row + 1):
            for label, shown in enumerate(values[index]):
                frame = _VERDICT if label == verdict else FRAME
                limits = _draw(grid, below, label, part, shown, frame)
            grid.label(below, _words(part), limits)
        for label in range(classes):
            numbers = [
                f"{_words(part)} {_number(values[index, label])}"
                for part, values in written.items()
            ]
            color = _VERDICT if label == verdict else INK
            lines = [(text, color) for text in (class_names[label], *numbers)]
            grid.caption(row + 1, label, lines)
    if not {*drawn, *whole} <= set(_GREY):
        grid.heat_scale()
    with atomic_write(path) as temporary:
        grid.write_png(temporary)


def _is_written(name, part):
    return part.ndim == 2 or name in _VECTORS


def _draw(grid, row, column, name, values, frame=FRAME) -> str:
    """Shows a map and returns what it ranges over."""
    low, high = _LIMITS.get(name, (values.min(), values.max()))
    if name in _GREY:
        grid.image(row, column, np.clip(values, 0, 1)[..., None], frame)
    else:
        grid.heat(row, column, values, (low, high), frame)
    return f"{low:.3g} to {high:.3g}"


def _words(name):
    return name.replace("_", " ")


def _number(value):
    return " ".join(f"{number:.2f}" for number in np.atleast_1d(value))


def _check(name, part, images, classes):
    of_classes = part.ndim in (2, 4) or name in _VECTORS
    if (
        part.ndim not in (2, 3, 4)
        or len(part) != images
        or (of_classes and part.shape[1] > classes)
    ):
        raise ValueError(
            f"What explains {images} verdicts must be maps, (images, height, "
            "width), or maps or numbers of the classes, (images, classes, "
            f"...). Received: {name!r} of shape {part.shape} and {classes} "
            "classes"
        )
    if not np.isfinite(part).all():
        raise ValueError(
            "What explains a verdict must be finite. "
            f"Received: {name!r} with values that are not"
        )
