"""What a `.keras` file holds, looked at before Keras reads it."""

import contextlib
import io
import math
import os
import struct
import zipfile
import zlib
from collections.abc import Iterable
from collections.abc import Iterator
from typing import TYPE_CHECKING
from typing import Any
from typing import BinaryIO

from zoo.inspection import all_layers
from zoo.regular_files import MOST_JSON
from zoo.regular_files import parse_json

if TYPE_CHECKING:
    import keras

_CONFIG = "config.json"
_WEIGHTS = "model.weights.h5"
_MEMBERS = {_CONFIG, _WEIGHTS, "metadata.json"}
_MAGIC = b"PK\x03\x04"
_GROWTH = 100
_UNSUSPECTED = 2**26
"""Bytes that a file may hold, however small it is packed."""

_FREE = 2**22
"""Weights that a model may have, however few bytes of them are stored."""

MOST_VALUES = 2**28
"""Numbers that a layer may give for one image."""

_OPEN_SIDE = 224
"""Pixels that are reckoned with where a model leaves a side open."""


def check_keras_file(path: str | os.PathLike) -> None:
    """Raises an error if a file holds no model; TensorFlow stays out.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is no `.keras` file, is cut short, or would
            grow beyond reason as it is read.
    """
    read_config(path)


def read_config(path: str | os.PathLike) -> dict[str, Any]:
    """Returns what a `.keras` file says of its model; as `check_keras_file`."""
    if not os.path.isfile(path):
        raise FileNotFoundError(f"The file must exist. Received: {path}")
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            _check_sizes(path, members)
            with archive.open(_CONFIG) as file:
                content = file.read(MOST_JSON + 1)
    except (
        *(EOFError, NotImplementedError, RuntimeError),
        *(zipfile.BadZipFile, zlib.error),
    ) as error:
        with open(path, "rb") as file:
            damaged = file.read(len(_MAGIC)) == _MAGIC
        reason = " The archive is damaged or cut short." if damaged else ""
        raise ValueError(no_model(path) + reason) from error
    except KeyError as error:
        raise ValueError(no_model(path)) from error
    try:
        config = parse_json(content, _CONFIG, dict)
    except ValueError as error:
        raise ValueError(f"{no_model(path)} {error}") from error
    if "class_name" not in config:
        raise ValueError(no_model(path))
    return config


def check_members(path: str | os.PathLike) -> None:
    """Refuses a `.keras` file that holds more than a model and its weights.

    Keras unpacks other members to the disk. The weights must be real numbers,
    as many as the file has room for.

    Raises:
        ValueError: If there are other members, one is there twice, or the
            weights are no such numbers or declare more than is stored.
    """
    from zoo.weights.declared import declared_arrays

    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        others = sorted(set(names) - _MEMBERS)
        if others or len(set(names)) < len(names) or _WEIGHTS not in names:
            received = others[0] if others else ", ".join(names)
            raise ValueError(
                "A .keras file holds a config.json, a metadata.json and a "
                "model.weights.h5, each once; --trust loads one with more, if "
                f"you trust those who made it. Received: {received!r:.100}"
            )
        member = archive.getinfo(_WEIGHTS)
        with _opened(archive, member, path) as file:
            declared = declared_arrays(file, _WEIGHTS)
    size = sum(array.nbytes for array in declared.values())
    if size > max(_UNSUSPECTED, _GROWTH * member.file_size):
        raise ValueError(
            "Weights must be stored in the file. Received: "
            f"{size:,} bytes that are declared in {member.file_size:,}"
        )


@contextlib.contextmanager
def weights_within(path: str | os.PathLike) -> Iterator[None]:
    """Refuses layers that have more weights than a `.keras` file has bytes.

    A few letters of a configuration ask for any number of weights. They are
    counted as layers ask for them, before they are allocated.

    Raises:
        ValueError: In the block, as soon as there are too many.
    """
    import keras

    with zipfile.ZipFile(path) as archive:
        most = _FREE + archive.getinfo(_WEIGHTS).file_size
    add_weight = keras.layers.Layer.add_weight
    total = 0

    def counted(layer, shape=None, *args, **kwargs):
        nonlocal total
        sides = shape if isinstance(shape, Iterable) else [shape or 1]
        total += math.prod(map(int, sides))
        if total > most:
            raise ValueError(
                "A model file must store its weights. Received: "
                f"{total:,} weights or more for {most - _FREE:,} bytes"
            )
        return add_weight(layer, shape, *args, **kwargs)

    keras.layers.Layer.add_weight = counted
    try:
        yield
    finally:
        keras.layers.Layer.add_weight = add_weight


def check_tensors(model: "keras.Model", path: str | os.PathLike) -> None:
    """Refuses a model that gives too many numbers for one image somewhere.

    Raises:
        ValueError: If a layer or an input has more than `MOST_VALUES`.
    """
    for graph in all_layers(model):
        for operation in getattr(graph, "operations", ()):
            nodes = operation._inbound_nodes
            for tensor in (t for n in nodes for t in n.output_tensors):
                sides = [side or _OPEN_SIDE for side in tensor.shape[1:]]
                if math.prod(sides) > MOST_VALUES:
                    raise ValueError(
                        f"No layer may give more than {MOST_VALUES:,} numbers "
                        f"for an image. Received: {path}, whose "
                        f"{operation.name!r:.80} gives {tensor.shape}"
                    )


def no_model(path: str | os.PathLike) -> str:
    """Says that a file is no model."""
    return f"{path} is not a Keras model file."


def _check_sizes(path, members: list[zipfile.ZipInfo]) -> None:
    """Refuses an archive that grows too much, or says wrong how much."""
    stored = sum(member.compress_size for member in members)
    size = os.path.getsize(path)
    if stored > size:
        raise zipfile.BadZipFile("members overlap, or their sizes are wrong")
    unpacked = sum(member.file_size for member in members)
    if unpacked > max(_UNSUSPECTED, _GROWTH * size):
        largest = max(members, key=lambda member: member.file_size)
        raise ValueError(
            f"No model file may grow more than {_GROWTH} times as it is read. "
            f"Received: {path}, whose {largest.filename:.80} would grow from "
            f"{largest.compress_size:,} to {largest.file_size:,} bytes"
        )


@contextlib.contextmanager
def _opened(archive, member, path) -> Iterator[BinaryIO]:
    """Opens a member for reading in any order."""
    if member.compress_type != zipfile.ZIP_STORED:
        with archive.open(member) as file:
            yield io.BytesIO(file.read())
        return
    # `ZipExtFile` seeks back by reading all again.
    with open(path, "rb") as file:
        yield _Part(file, member)


class _Part(io.RawIOBase):
    """A stored member of an archive as a file."""

    def __init__(self, file: BinaryIO, member: zipfile.ZipInfo):
        self._file, self._size, self._position = file, member.file_size, 0
        file.seek(member.header_offset + 26)
        name, extra = struct.unpack("<HH", file.read(4))
        self._start = member.header_offset + 30 + name + extra

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        origins = (0, self._position, self._size)
        self._position = max(origins[whence] + offset, 0)
        return self._position

    def readinto(self, buffer) -> int:
        count = max(min(len(buffer), self._size - self._position), 0)
        self._file.seek(self._start + self._position)
        count = self._file.readinto(memoryview(buffer)[:count])
        self._position += count
        return count
