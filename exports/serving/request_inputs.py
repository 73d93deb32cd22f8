"""What a client is given to send: picture files and seeds."""

import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from zoo.regular_files import check_regular

_FILE = (bytes, bytearray, memoryview, str, os.PathLike)
"""What a picture's file may be given as."""

Pictures = Sequence[bytes | bytearray | memoryview | str | os.PathLike]

_LARGEST_FILE = 2**26
"""Bytes of a picture's file at most."""


def as_seeds(
    seeds: ArrayLike, images: ArrayLike | Pictures, pictures: np.ndarray | None
) -> np.ndarray:
    """Returns a seed for each image.

    Args:
        seeds: Whole numbers from 0 to 2^63 - 1: one for all, or for each.
        images: As the caller gave them.
        pictures: What `as_files` returned for them.

    Raises:
        ValueError: If they are no such numbers, or the images are files.
    """
    batch = np.shape(images)[:1]
    given = np.asarray(seeds)
    if (
        pictures is not None
        or given.dtype.kind not in "iu"
        or given.shape not in ((), batch)
    ):
        raise ValueError(
            "`seeds` must be a whole number for each image of pixels, or one "
            f"for all. Received: seeds of {given.dtype}, {given.shape}, for "
            f"{'images' if pictures is None else 'files'}, {batch}"
        )
    if np.any(given < 0) or np.any(given > np.iinfo("int64").max):
        raise ValueError(
            "`seeds` must be from 0 to 2^63 - 1. "
            f"Received: {np.min(given)} to {np.max(given)}"
        )
    return np.broadcast_to(given, batch).astype("int64")


def as_files(images: ArrayLike | Pictures) -> np.ndarray | None:
    """Returns files' bytes, or nothing if these are pixels.

    Raises:
        OSError: If a file can't be read, or is no regular one.
        ValueError: If the images are no batch, or one isn't a file of 64 MiB
            or less.
    """
    single = isinstance(images, _FILE)
    if not single and isinstance(images, np.ndarray):
        return None
    if single or not isinstance(images, Sequence) or not images:
        if single or isinstance(images, Sequence):
            raise ValueError(
                "`images` must be a batch of one or more: pixels, or a list "
                f"of files. Received: {type(images).__name__}"
            )
        return None
    if not any(isinstance(image, _FILE) for image in images):
        return None
    files = np.empty(len(images), object)
    for place, image in enumerate(images):
        if not isinstance(image, _FILE):
            raise ValueError(
                "Each picture must be its bytes or its path. "
                f"Received: {type(image).__name__} in place {place}"
            )
        files[place] = _content(image, place)
    return files


def _content(image, place: int) -> bytes:
    """Returns the bytes of a picture's file."""
    if isinstance(image, str | os.PathLike):
        check_regular(image)
        with open(image, "rb") as file:
            content = file.read(_LARGEST_FILE + 1)
    else:
        content = bytes(image)
    if len(content) > _LARGEST_FILE:
        raise ValueError(
            f"Each picture must have at most {_LARGEST_FILE} bytes. "
            f"Received: more in place {place}"
        )
    return content
