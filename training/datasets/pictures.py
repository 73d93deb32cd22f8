"""Picture files as a `tf.data` pipeline."""

import os
from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf

from zoo.pictures import read_picture


def load_pictures(
    pictures: Sequence[tuple[Path, int]],
    *,
    image_shape: tuple[int, int, int],
    shuffle: bool = False,
    seed: int = 0,
) -> tf.data.Dataset:
    """Reads labelled picture files, one at a time, as they are asked for.

    `zoo.pictures.read_picture` says how they are resized.

    Args:
        pictures: Files and their classes, in order; at least one.
        image_shape: `(height, width, channels)`; 1 channel is grey, 3 RGB.
        shuffle: Whether to reshuffle at every pass.
        seed: Seed of the shuffling.

    Returns:
        `(image, label)`: uint8 pixels and int64 classes. Reading a file that
        is no picture raises a `tf.errors.InvalidArgumentError` that names it.

    Raises:
        ValueError: If `image_shape` is not three positive numbers.
    """
    image_shape = _checked_shape(image_shape)
    files, labels = zip(*pictures, strict=True)
    dataset = tf.data.Dataset.from_tensor_slices(
        ([os.fsencode(file) for file in files], tf.constant(labels, "int64"))
    )
    if shuffle:
        dataset = dataset.shuffle(len(files), seed=seed)

    def read(file, label):
        image = tf.numpy_function(
            lambda path: read_picture(os.fsdecode(path), image_shape),
            [file],
            tf.uint8,
        )
        return tf.ensure_shape(image, image_shape), label

    return dataset.map(read, num_parallel_calls=tf.data.AUTOTUNE)


def _checked_shape(image_shape):
    shape = tuple(image_shape or ())
    if len(shape) != 3 or not all(
        isinstance(size, int) and size > 0 for size in shape
    ):
        raise ValueError(
            "`image_shape` must be the (height, width, channels) that "
            f"pictures are resized to. Received: image_shape={image_shape}"
        )
    return shape
