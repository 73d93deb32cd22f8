"""Eight-bit pictures in the size and colours that a model takes."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from PIL import Image

from zoo.pictures import fit_picture

_CHANNELS = (1, 3)


def resize_images(
    dataset: tf.data.Dataset, image_shape: Sequence[int]
) -> tf.data.Dataset:
    """Resizes each picture of a data set, as `resize_pixels` does.

    Args:
        dataset: `(image, label)`: uint8 pixels, `(height, width, channels)`,
            1 channel or 3.
        image_shape: `(height, width, channels)`; 1 channel is grey, 3 RGB.

    Raises:
        ValueError: If the pictures are others, or `image_shape` is.
    """
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
