"""Models in `.keras` files, and the names of their classes beside them."""

import contextlib
import importlib
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.atomic_write import atomic_write

if TYPE_CHECKING:
    import keras
    import numpy as np

_PROBES = 2
_OPEN_SIDE = 224
"""Pixels on a side of the noise, where a model takes any size."""


def check_keras_file(path: str | os.PathLike) -> None:
    """Raises an error if a file is no `.keras` file; TensorFlow stays out.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is no archive.
    """
    if not os.path.isfile(path):
        raise FileNotFoundError(f"There is no such file: {path}")
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path} is not a Keras model file.")


def read_keras_file(
    path: str | os.PathLike, *, image_size: tuple[int, int] | None = None
) -> "keras.Model":
    """Loads a `.keras` file.

    Args:
        path: File to read.
        image_size: Height and width, where the model leaves them open.

    Returns:
        A model mapping pixels in [0, 1] to logits; a softmax at its end is
        taken away.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is no model, or the model returns
            probabilities that no softmax at its end gives.
    """
    import keras

    check_keras_file(path)
    importlib.import_module("zoo.layers")  # Registers what a file may hold.
    try:
        model = keras.saving.load_model(path, compile=False)
    except KeyError as error:  # An archive of other files.
        raise ValueError(f"{path} is not a Keras model file.") from error
    except TypeError as error:  # A class that is not registered.
        raise ValueError(
            f"{path} holds layers that this package doesn't know; export the "
            "model with model.export(DIR) where they are defined, and name "
            "DIR instead."
        ) from error
    return as_logits(model, str(path), image_size)


def write_keras_file(
    model: "keras.Model", path: Path, classes: Sequence[str]
) -> None:
    """Writes a `.keras` file and its classes' names.

    If there are none, those of an older file in its place are removed.
    """
    with atomic_write(path) as temporary:
        model.save(temporary)
    if not classes:
        _classes_file(path).unlink(missing_ok=True)
        return
    with atomic_write(_classes_file(path)) as temporary:
        lines = "".join(f"{name}\n" for name in classes)
        temporary.write_text(lines, "utf-8")


def read_class_names(path: str | os.PathLike) -> tuple[str, ...]:
    """Returns the names that `write_keras_file` wrote; none if it didn't.

    Raises:
        OSError: If their file cannot be read.
    """
    beside = _classes_file(path)
    if not beside.is_file():
        return ()
    return tuple(beside.read_text("utf-8").splitlines())


def as_logits(
    model: "keras.Model",
    name: str,
    image_size: tuple[int, int] | None = None,
) -> "keras.Model":
    """Returns a model, without the softmax at its end if it has one.

    Two images of noise tell whether it returns logits or probabilities; its
    seeds stay as they were. A model that doesn't say what images it takes is
    returned as it is.

    Args:
        model: Takes images in [0, 1].
        name: What an error calls it.
        image_size: Height and width of the noise, where it leaves them open.

    Raises:
        ValueError: If it returns probabilities, and not by a softmax at its
            end that could be taken away, or has one output.
    """
    noise = _noise(model, image_size)
    if noise is None:
        return model
    outputs = _outputs(model, noise)
    if outputs is not None and outputs.shape[1] == 1:
        raise ValueError(
            "The model must return a logit for each class, two where there "
            f"are two classes. Received: {name}, which returns one number"
        )
    if not _are_probabilities(outputs):
        return model
    from zoo.defenses.surgery.ends import copy_to_logits
    from zoo.defenses.surgery.graph import classifier_graph

    with contextlib.suppress(ValueError):  # Another kind of model.
        logits = copy_to_logits(classifier_graph(model))
        if not _are_probabilities(_outputs(logits, noise)):
            return logits
    raise ValueError(
        "The model must return logits: take the softmax at its end away. "
        f"Received: {name}, whose outputs are confidences"
    )


def _classes_file(path: str | os.PathLike) -> Path:
    return Path(path).with_suffix(".classes.txt")


def _noise(model, image_size) -> "np.ndarray | None":
    import numpy as np

    from zoo.inspection import input_shape

    try:
        shape = input_shape(model)
    except ValueError:  # It takes no images.
        return None
    if shape is None or shape[-1] is None:
        return None
    wanted = image_size or (_OPEN_SIDE, _OPEN_SIDE)
    size = [n or m for n, m in zip(shape[1:3], wanted, strict=True)]
    return np.random.default_rng(0).random(
        (_PROBES, *size, shape[-1]), "float32"
    )


def _outputs(model, images) -> "np.ndarray | None":
    """Returns one row an image, or `None` if that is not what it gives."""
    import keras

    from zoo.training.evaluation.engine.randomness import owned_randomness

    with owned_randomness([model], seed=0):
        outputs = model(images, training=False)
    if len(getattr(outputs, "shape", ())) != 2:
        return None
    return keras.ops.convert_to_numpy(outputs)


def _are_probabilities(outputs) -> bool:
    from zoo.inspection import are_probabilities

    return outputs is not None and are_probabilities(outputs)
