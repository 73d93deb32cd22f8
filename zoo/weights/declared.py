"""What an HDF5 file of weights says that it holds, before it is read.

A few bytes declare an array of any shape, and reading it allocates it whole.
"""

import dataclasses
import math
from pathlib import Path
from typing import BinaryIO

_REAL = "fiubV"
"""Kinds of NumPy's types; `V` is what bfloat16 may be stored as."""


@dataclasses.dataclass(frozen=True)
class DeclaredArray:
    """An array that a file declares.

    Args:
        shape: Its sides.
        nbytes: Bytes that it takes in memory.
    """

    shape: tuple[int, ...]
    nbytes: int

    @property
    def size(self) -> int:
        """Numbers in it."""
        return math.prod(self.shape)


class NoNumbersError(ValueError):
    """An array is of other values than real numbers."""


def declared_arrays(
    file: Path | BinaryIO, name: str
) -> dict[str, DeclaredArray]:
    """Returns the arrays that an HDF5 file declares, by their names in it.

    Links to other files are not followed. An optimizer's arrays are left out:
    a compiled model's own `save_weights` adds them.

    Args:
        file: Of weights, open or as a path.
        name: What an error calls it.

    Raises:
        NoNumbersError: If an array is of other values than real numbers, such
            as complex ones.
        ValueError: If the file is damaged.
    """
    import h5py

    found = {}

    def visit(path: str, item: "h5py.Group | h5py.Dataset") -> None:
        if path.startswith("optimizer/") or isinstance(item, h5py.Group):
            return
        if item.dtype.kind not in _REAL or item.shape is None:
            raise NoNumbersError(
                "Weights must be real numbers. "
                f"Received: {path!r:.80} of type {item.dtype} in {name}"
            )
        size = math.prod(item.shape) * item.dtype.itemsize
        found[path] = DeclaredArray(tuple(item.shape), size)

    try:
        with h5py.File(file) as content:
            content.visititems(visit)
    except (KeyError, OSError, RuntimeError) as error:
        raise ValueError(
            f"{name} must be a complete HDF5 file of weights. "
            f"Received: one that is damaged ({error})"
        ) from error
    return found
