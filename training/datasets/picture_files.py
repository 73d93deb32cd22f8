"""Picture files, whole or in part, as pixels and labels."""

import hashlib
import os
from collections.abc import Iterable
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf

from zoo.pictures import read_picture
from zoo.training.datasets.resizing import checked_shape
from zoo.training.datasets.resizing import resize_pixels

_NO_BOX = (0, 0, 0, 0)
"""Stands in a tensor of boxes for none, which another tensor tells apart."""


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
) -> tf.data.Dataset:
    """Loads pictures one at a time, in their order.

    `zoo.pictures.read_picture` says how they are read and resized.

    Args:
        folder: Where the pictures' paths begin.
        pictures: One or more.
        image_shape: `(height, width, channels)`; 1 channel is grey, 3 RGB.
        shuffle: Whether to reshuffle at every pass.
        seed: Seed of the shuffling.

    Returns:
        `(image, label)`: uint8 pixels and int64 classes. Reading a file that
        is no picture, or has nothing in the box, raises a
        `tf.errors.InvalidArgumentError` that names it.

    Raises:
        ValueError: If `image_shape` is not three positive numbers.
    """
    folder, image_shape = Path(folder), checked_shape(image_shape)
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
    name = os.fsencode(picture.path.as_posix())
    return hashlib.sha256(name).digest(), picture.box or ()
