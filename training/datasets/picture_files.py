"""What data sets on disk are read from: picture files, and their tables.

A picture may be shown whole or in part. Tables are CSV files that say which
picture is of which class.
"""

import csv
import hashlib
import os
import unicodedata
from collections.abc import Iterable
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from zoo.pictures import fit_picture
from zoo.pictures import read_picture

if TYPE_CHECKING:
    import tensorflow as tf

_CHANNELS = (1, 3)
_NO_BOX = (0, 0, 0, 0)
"""In a tensor of boxes, where a picture has none; another tensor says so."""


@dataclass(frozen=True)
class PictureFile:
    """A picture with one label.

    Attributes:
        path: Of the file, below the set's folder.
        label: Class.
        box: Part that is shown: x and y of its upper left corner, then of
            its lower right, in pixels. `None`: the whole.
    """

    path: Path
    label: int
    box: tuple[int, int, int, int] | None = None


def fair_order(pictures: Iterable[PictureFile]) -> list[PictureFile]:
    """Sorts pictures by the SHA-256 of their names.

    Any number from the front is then a fair sample of all classes, the same
    everywhere.
    """
    return sorted(pictures, key=_digest)


def load_picture_files(
    folder: str | os.PathLike,
    pictures: Sequence[PictureFile],
    image_shape: tuple[int, int, int],
    *,
    shuffle: bool = False,
    seed: int = 0,
) -> "tf.data.Dataset":
    """Loads pictures one at a time, in their order.

    `zoo.pictures.read_picture` says how they are read and resized.

    Args:
        folder: Where the pictures' paths begin.
        pictures: One or more.
        image_shape: `(height, width, channels)`; 1 channel is grey, 3 RGB.
        shuffle: Whether to reshuffle at every pass.
        seed: Seed of the shuffling.

    Returns:
        `(image, label)`: uint8 pixels and int64 classes. A file that is no
        picture, or has nothing in the box, raises a
        `tf.errors.InvalidArgumentError` when it is read; the message names
        it.

    Raises:
        ValueError: If `image_shape` is not three positive numbers, or a
            picture's path leads out of the folder.
    """
    import tensorflow as tf  # `find_pictures` does without.

    folder, image_shape = Path(folder), checked_shape(image_shape)
    _check_below(folder, pictures)
    dataset = tf.data.Dataset.from_tensor_slices(
        (
            [os.fsencode(folder / picture.path) for picture in pictures],
            [picture.box is None for picture in pictures],
            tf.constant(
                [picture.box or _NO_BOX for picture in pictures], "int64"
            ),
            tf.constant([picture.label for picture in pictures], "int64"),
        )
    )
    if shuffle:
        dataset = dataset.shuffle(len(pictures), seed=seed)

    def read(file, whole, box, label):
        image = tf.numpy_function(
            lambda path, whole, box: _read(
                os.fsdecode(path), None if whole else box, image_shape
            ),
            [file, whole, box],
            tf.uint8,
        )
        return tf.ensure_shape(image, image_shape), label

    return dataset.map(read, num_parallel_calls=tf.data.AUTOTUNE)


def resize_images(
    dataset: "tf.data.Dataset", image_shape: Sequence[int]
) -> "tf.data.Dataset":
    """Resizes each picture of a data set, as `resize_pixels` does.

    Args:
        dataset: `(image, label)`: uint8 pixels, `(height, width, channels)`,
            1 channel or 3.
        image_shape: `(height, width, channels)`; 1 channel is grey, 3 RGB.

    Raises:
        ValueError: If the pictures are others, or `image_shape` is.
    """
    import tensorflow as tf

    spec = dataset.element_spec[0]
    if spec.dtype != tf.uint8 or spec.shape[-1] not in _CHANNELS:
        raise ValueError(
            "Pictures are resized if they are of 8 bits and 1 or 3 channels. "
            f"Received: {spec.dtype.name} of shape {spec.shape}"
        )
    shape = checked_shape(image_shape)
    if shape[-1] not in _CHANNELS:
        raise ValueError(
            "Pictures are resized to 1 channel, grey, or 3, RGB. "
            f"Received: image_shape={shape}"
        )

    def resize(image, label):
        image = tf.numpy_function(
            lambda pixels: resize_pixels(pixels, shape), [image], tf.uint8
        )
        return tf.ensure_shape(image, shape), label

    return dataset.map(resize, num_parallel_calls=tf.data.AUTOTUNE)


def resize_pixels(pixels: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """Resizes a picture by the filter of `zoo.pictures.read_picture`.

    Args:
        pixels: uint8, `(height, width, channels)`, 1 channel or 3.
        shape: The same of the result; colours are made grey (ITU-R 601 luma)
            or RGB.
    """
    grey = pixels.shape[-1] == 1
    picture = Image.fromarray(pixels.squeeze(-1) if grey else pixels)
    return fit_picture(picture, shape)


def checked_shape(image_shape: Sequence[int] | None) -> tuple[int, int, int]:
    """Returns a shape of three positive numbers, or raises a `ValueError`."""
    shape = tuple(image_shape or ())
    if len(shape) != 3 or not all(
        isinstance(size, int) and size > 0 for size in shape
    ):
        raise ValueError(
            "`image_shape` must be the (height, width, channels) that "
            f"pictures are resized to. Received: image_shape={image_shape}"
        )
    return shape


def to_pixels(dataset: "tf.data.Dataset") -> "tf.data.Dataset":
    """Scales a data set's 8-bit images, or batches of them, to [0, 1]."""
    import tensorflow as tf

    return dataset.map(
        lambda image, label: (tf.cast(image, tf.float32) / 255.0, label),
        num_parallel_calls=tf.data.AUTOTUNE,
    ).prefetch(tf.data.AUTOTUNE)


def read_table(
    path: str | os.PathLike, columns: Sequence[str], *, delimiter: str = ","
) -> list[dict[str, str]]:
    """Reads a CSV file with a header, in UTF-8, with a mark or without.

    Args:
        path: File to read.
        columns: Names that the header must have, among others.
        delimiter: Between two cells.

    Returns:
        Each row's cells by column. All of `columns` have one, perhaps empty.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the header lacks a column, a row ends before one, or
            the file is not UTF-8; the message names the file.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no such file: {path}")
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, delimiter=delimiter)
        try:
            header, rows = reader.fieldnames or [], list(reader)
        except (UnicodeDecodeError, csv.Error) as error:
            raise ValueError(
                f"{path} must be a table in UTF-8. Received: {error}"
            ) from error
    missing = [name for name in columns if name not in header]
    if missing:
        raise ValueError(
            f"{path} must have the columns {', '.join(columns)}. "
            f"Received: no {', '.join(missing)}"
        )
    for number, row in enumerate(rows, 1):
        missing = [name for name in columns if row[name] is None]
        if missing:
            raise ValueError(
                f"Each row of {path} must have the columns "
                f"{', '.join(columns)}. "
                f"Received: row {number} without {', '.join(missing)}"
            )
    return rows


def _check_below(folder, pictures) -> None:
    """Refuses paths of a table that name files elsewhere on the disk."""
    for picture in pictures:
        path = picture.path
        if path.is_absolute() or ".." in path.parts or "\0" in str(path):
            raise ValueError(
                f"A picture's path must lie below {folder}. "
                f"Received: {str(path)!r:.200}"
            )


def _read(path, box, shape):
    if box is None:
        return read_picture(path, shape)
    pixels = read_picture(path, (None, None, shape[-1]))
    left, top, right, bottom = box.clip(0)
    part = pixels[top:bottom, left:right]
    if not part.size:
        raise ValueError(
            f"The annotated box must lie in {path}, "
            f"{pixels.shape[1]}x{pixels.shape[0]}. "
            f"Received: box={tuple(box.tolist())}"
        )
    return resize_pixels(part, shape)


def _digest(picture):
    # Disks of macOS decompose names.
    name = unicodedata.normalize("NFC", picture.path.as_posix())
    digest = hashlib.sha256(os.fsencode(name)).digest()
    return digest, picture.box or ()
