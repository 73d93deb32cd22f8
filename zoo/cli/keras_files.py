"""Models in `.keras` files, and the names of their classes beside them."""

import codecs
import contextlib
import importlib
import json
import os
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.atomic_write import atomic_write
from zoo.class_names import as_class_names

if TYPE_CHECKING:
    import keras
    import numpy as np

_CONFIG = "config.json"
_MAGIC = b"PK\x03\x04"
_GROWTH = 100
_UNSUSPECTED = 2**26
"""Bytes that a part of an archive may hold, however small it is packed."""

_PROBES = 2
_OPEN_SIDE = 224
"""Pixels on a side of the noise, where a model takes any size."""


def check_keras_file(path: str | os.PathLike) -> None:
    """Raises an error if a file holds no model; TensorFlow stays out.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is no `.keras` file, is cut short, or would
            grow beyond reason as it is read.
    """
    if not os.path.isfile(path):
        raise FileNotFoundError(f"The file must exist. Received: {path}")
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                _check_size(path, member)
            config = json.loads(archive.read(_CONFIG))
    except (zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
        with open(path, "rb") as file:
            damaged = file.read(len(_MAGIC)) == _MAGIC
        reason = " The archive is damaged or cut short." if damaged else ""
        raise ValueError(_no_model(path) + reason) from error
    except (KeyError, RecursionError, ValueError) as error:
        if isinstance(error, _TooLarge):
            raise
        raise ValueError(_no_model(path)) from error
    if not isinstance(config, dict) or "class_name" not in config:
        raise ValueError(_no_model(path))


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
        trusted: Whether layers that run code or read files as they are
            loaded, such as a `Lambda`, are loaded too.

    Returns:
        A model mapping pixels in [0, 1] to logits; a softmax at its end is
        taken away.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file holds no model or one that cannot be loaded,
            or the model returns probabilities that no softmax at its end
            gives.
    """
    import keras

    check_keras_file(path)
    importlib.import_module("zoo.layers")  # Registers what a file may hold.
    try:
        model = keras.saving.load_model(
            path, compile=False, safe_mode=not trusted
        )
    except Exception as error:  # Damaged files raise many kinds.
        raise ValueError(_refusal(path, error)) from error
    if not isinstance(model, keras.Model):
        raise ValueError(
            f"{_no_model(path)} It holds an object of the class "
            f"{type(model).__name__}."
        )
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
        f"Received: {name}, whose outputs are probabilities"
    )


class _TooLarge(ValueError):
    """A part of an archive would grow beyond reason."""


def _check_size(path, member: zipfile.ZipInfo) -> None:
    most = max(_UNSUSPECTED, _GROWTH * member.compress_size)
    if member.file_size > most:
        raise _TooLarge(
            f"No part of a model file may grow more than {_GROWTH} times as "
            f"it is read. Received: {path}, whose {member.filename} would grow "
            f"from {member.compress_size:,} to {member.file_size:,} bytes"
        )


def _no_model(path) -> str:
    return f"{path} is not a Keras model file."


def _refusal(path, error: Exception) -> str:
    """Says in a sentence why Keras could not load a file."""
    text = str(error)
    if "safe_mode" in text:
        return (
            f"{path} holds a layer that runs code or reads files as it is "
            "loaded, such as a Lambda. If you trust those who made the file, "
            "--trust loads it."
        )
    if "KerasSaveable" in text or isinstance(error, KeyError):
        return _no_model(path)
    if isinstance(error, TypeError):  # A class that is not registered.
        return (
            f"{path} holds layers that this package doesn't know; export the "
            "model with model.export(DIR) where they are defined, and name "
            "DIR instead."
        )
    reason = text.strip().partition("\n")[0] or type(error).__name__
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
