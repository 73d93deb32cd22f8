"""Models in `.keras` files, and the names of their classes beside them."""

import codecs
import contextlib
import importlib
import os
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.atomic_write import atomic_write
from zoo.class_names import as_class_names
from zoo.cli.keras_archives import check_members
from zoo.cli.keras_archives import check_tensors
from zoo.cli.keras_archives import no_model
from zoo.cli.keras_archives import read_config
from zoo.cli.keras_archives import weights_within
from zoo.cli.keras_configs import UnknownClassError
from zoo.cli.keras_configs import UnsafeConfigError
from zoo.cli.keras_configs import check_config
from zoo.regular_files import check_regular

if TYPE_CHECKING:
    import keras
    import numpy as np

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_PROBES = 2
_OPEN_SIDE = 224
"""Pixels on a side of the noise, where a model takes any size."""


def read_keras_file(
    path: str | os.PathLike,
    *,
    image_size: tuple[int, int] | None = None,
    trusted: bool = False,
) -> "keras.Model":
    """Loads a `.keras` file.

    Args:
        path: File to read.
        image_size: Height and width, where the model leaves them open.
        trusted: Whether it may do more than build layers and calculate: run
            the functions that a `Lambda` names, read files, unpack others.

    Returns:
        A model mapping pixels in [0, 1] to logits; a softmax at its end is
        taken away.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file holds no model or one that cannot be loaded,
            it would do more and is not trusted, or the model returns
            probabilities that no softmax at its end gives.
    """
    import keras

    config = read_config(path)
    importlib.import_module("zoo.layers")  # Registers what a file may hold.
    if not trusted:
        _check_harmless(path, config)
    try:
        with contextlib.ExitStack() as stack:
            said = stack.enter_context(warnings.catch_warnings(record=True))
            warnings.simplefilter("always")
            if not trusted:
                check_members(path)
                stack.enter_context(weights_within(path))
            model = keras.saving.load_model(
                path, compile=False, safe_mode=not trusted
            )
    except Exception as error:  # Damaged files raise many kinds.
        raise ValueError(_refusal(path, error)) from error
    for one in said:  # An error says enough without them.
        warnings.warn_explicit(
            one.message, one.category, one.filename, one.lineno
        )
    if not isinstance(model, keras.Model):
        raise ValueError(
            f"{no_model(path)} It holds an object of the class "
            f"{type(model).__name__}."
        )
    if not trusted:
        check_tensors(model, path)
    return as_logits(model, str(path), image_size)


def write_keras_file(
    model: "keras.Model", path: Path, classes: Sequence[str]
) -> None:
    """Writes a `.keras` file and its classes' names.

    If there are none, those of an older file in its place are removed.

    Raises:
        OSError: If a file cannot be written.
        ValueError: If a name has a line end or another control character.
    """
    names = as_class_names(classes)
    with atomic_write(path) as temporary:
        model.save(temporary)
    if not names:
        _classes_file(path).unlink(missing_ok=True)
        return
    with atomic_write(_classes_file(path)) as temporary:
        lines = "".join(f"{name}\n" for name in names)
        temporary.write_text(lines, "utf-8")


def read_class_names(path: str | os.PathLike) -> tuple[str, ...]:
    """Returns the names that `write_keras_file` wrote; none if it didn't.

    Raises:
        OSError: If their file cannot be read.
        ValueError: If it is no text in UTF-8.
    """
    beside = _classes_file(path)
    if not beside.is_file():
        return ()
    return read_lines(beside)


def read_lines(path: str | os.PathLike) -> tuple[str, ...]:
    """Returns the lines of a text file that are not blank, stripped.

    Args:
        path: File in UTF-8, or in UTF-16 with a byte-order mark. A mark is
            no part of the first line.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If it is in another encoding.
    """
    check_regular(path)
    content = Path(path).read_bytes()
    marks = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    encoding = "utf-16" if content.startswith(marks) else "utf-8-sig"
    try:
        lines = content.decode(encoding).split("\n")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} must be a text in UTF-8. Received: {error}"
        ) from error
    return tuple(line.strip() for line in lines if line.strip())


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
    if outputs is not None and outputs.shape[1] < 2:
        count = "one number" if outputs.shape[1] else "none"
        raise ValueError(
            "The model must return a logit for each class, two where there "
            f"are two classes. Received: {name}, which returns {count}"
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
        f"Received: {name}, whose outputs are probabilities"
    )


def _check_harmless(path, config) -> None:
    try:
        check_config(config)
    except UnsafeConfigError as error:
        raise ValueError(
            f"{path} holds a layer or a call that may run code or reach files "
            "as it is loaded, such as a Lambda. If you trust those who made "
            f"the file, --trust loads it. Received: {error}"
        ) from error
    except UnknownClassError as error:
        raise ValueError(
            f"{path} holds layers that this package doesn't know; export the "
            "model with model.export(DIR) where they are defined, and name "
            f"DIR instead. Received: {error}"
        ) from error


def _refusal(path, error: Exception) -> str:
    """Says in a sentence why Keras could not load a file."""
    text = _COLOUR.sub("", str(error)).strip()
    if "KerasSaveable" in text or isinstance(error, KeyError):
        return no_model(path)
    reason = text.rpartition("Exception encountered: ")[2]
    if text.startswith("A total of "):  # Of layers; the first is described.
        reason = (text.split("\n\n") + [""])[1] or text
    reason = reason.partition("\n")[0] or type(error).__name__
    return f"{path} cannot be loaded as a Keras model: {reason}"


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
