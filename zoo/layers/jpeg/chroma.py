"""libjpeg's resampling of the chroma for 4:2:0.

Tensors are `(batch, height, width, 2)`. Rounding is left to the caller.
"""

import numpy as np
from keras import ops

from zoo.layers.jpeg.color import GROUP
from zoo.layers.jpeg.color import HAIR
from zoo.layers.jpeg.color import convolve


def downsample(chroma):
    """Averages 2x2 samples.

    Halves are to go down in even columns and up in odd ones, as in
    `h2v2_downsample` of jcsample.c.

    Args:
        chroma: Of even height, its width a multiple of 8.
    """
    _, height, width, _ = ops.shape(chroma)
    groups = ops.reshape(chroma, (-1, height, width // GROUP, 2 * GROUP))
    columns = np.kron(np.eye(GROUP // 2), np.ones((2, 1)))
    kernel = np.kron(columns, np.eye(2)) / 4
    bias = np.tile(np.repeat([-0.125, 0.125], 2), GROUP // 4)
    halves = convolve(
        groups, np.stack([kernel, kernel])[:, None], bias, strides=(2, 1)
    )
    return ops.reshape(halves, (-1, height // 2, width // 2, 2))


def upsample(chroma):
    """Doubles both sizes; a new sample is 9:3:3:1 of the four nearest.

    The "fancy upsampling" of `h2v2_fancy_upsample` in jdsample.c.

    Args:
        chroma: With a border of one sample, which is left out of the result.
    """
    taps = np.array([[1, 3, 0], [0, 3, 1]]) / 4
    kernel = np.einsum("py,qx,cd->yxcpqd", taps, taps, np.eye(2))
    bias = np.tile(np.repeat([HAIR, -HAIR], 2), 2)
    return unfold(convolve(chroma, kernel.reshape(3, 3, 2, 8), bias))


def unfold(squares):
    """Lays out channels of `(2, 2, new channels)` as squares of samples."""
    _, height, width, channels = ops.shape(squares)
    rows = ops.reshape(squares, (-1, height, width, 2, channels // 2))
    rows = ops.transpose(rows, (0, 1, 3, 2, 4))
    return ops.reshape(rows, (-1, 2 * height, 2 * width, channels // 4))
