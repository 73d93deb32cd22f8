"""Random squares of images, and random signs, for the Square attack."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf


def side_of(image_shape: tuple[int, int, int], area: float) -> int:
    """Returns the side of a square of that area that fits in the image."""
    height, width, _ = image_shape
    side = round(np.sqrt(area * height * width))
    return min(max(side, 1), height, width)


def random_offsets(
    images: tf.Tensor, side: tf.Tensor, seed: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns each row's and each column's offset into a random square.

    Of shapes `(batch, height, 1, 1)` and `(batch, 1, width, 1)`; a pixel is in
    the square if both are from 0 to `side - 1`.
    """
    count, height, width, _ = tf.unstack(tf.shape(images))
    seeds = tf.random.experimental.stateless_split(seed, 2)
    offsets = []
    for length, seed in zip((height, width), tf.unstack(seeds), strict=True):
        corners = tf.random.stateless_uniform(
            (count, 1), seed, 0, length - side + 1, "int32"
        )
        offsets.append(tf.range(length) - corners)
    return offsets[0][:, :, None, None], offsets[1][:, None, :, None]


def is_inside(offsets: tf.Tensor, side: tf.Tensor) -> tf.Tensor:
    """Returns whether offsets are inside a square of that side."""
    return (offsets >= 0) & (offsets < side)


def random_coins(
    shape: Sequence[int | tf.Tensor], seed: tf.Tensor
) -> tf.Tensor:
    """Returns true and false, as likely."""
    return tf.random.stateless_uniform(shape, seed, 0, 2, "int32") == 1


def random_signs(
    shape: Sequence[int | tf.Tensor], seed: tf.Tensor
) -> tf.Tensor:
    """Returns 1 and -1, as likely."""
    return tf.where(random_coins(shape, seed), 1.0, -1.0)
