"""8x8 blocks: padding images to whole ones, transforming and quantizing them.

The transform of all blocks is one matrix product, its inverse another.
"""

from collections.abc import Callable
from functools import cache

import numpy as np
from keras import ops

from zoo.jpeg.quantization import ExactRounding
from zoo.jpeg.quantization import SmoothRounding

AWAY_FROM_ZERO = 1 + 2.0**-16
"""Halves round away from zero as in libjpeg, not to even."""


def code_blocks(
    planes,
    tables: np.ndarray,
    select: Callable,
    rounding: ExactRounding | SmoothRounding,
):
    """Transforms, quantizes and restores every 8x8 block.

    Args:
        planes: `(batch, height, width, channels)`, level-shifted, both sizes
            multiples of 8.
        tables: Quantization steps, `(qualities, 8, 8)`.
        select: Function from `(qualities, n)` values to those of each block's
            quality: `(n,)`, or a shape that broadcasts to `(batch, height / 8,
            width / 8, n)`.
        rounding: How to round.

    Returns:
        Samples of the shape of `planes`, neither rounded nor limited.
    """
    _, height, width, channels = ops.shape(planes)
    steps = np.repeat(tables.reshape(-1, 64), channels, axis=1)
    steps = steps.astype("float32")

    eighths = transform_blocks(planes, rounding)
    levels = ops.multiply(eighths, select(AWAY_FROM_ZERO / 8 / steps))
    levels = rounding.round_coefficients(levels)
    transform = block_dct(channels).astype("float32")
    blocks = ops.matmul(ops.multiply(levels, select(steps)), transform)
    blocks = ops.reshape(blocks, (-1, height // 8, width // 8, 8, 8 * channels))
    blocks = ops.transpose(blocks, (0, 1, 3, 2, 4))
    return ops.reshape(blocks, (-1, height, width, channels))


def transform_blocks(planes, rounding: ExactRounding | SmoothRounding):
    """Returns the DCT coefficients of every 8x8 block, in eighths.

    libjpeg rounds the transform to eighths before it quantizes (jfdctint.c).
    Doing the same here removes most of the difference to it.

    Args:
        planes: As for `code_blocks`.
        rounding: How to round.

    Returns:
        `(batch, height / 8, width / 8, 64 * channels)`: by vertical and
        horizontal frequency, then by channel.
    """
    _, height, width, channels = ops.shape(planes)
    rows, columns = height // 8, width // 8
    transform = block_dct(channels).astype("float32")
    blocks = ops.reshape(planes, (-1, rows, 8, columns, 8 * channels))
    blocks = ops.transpose(blocks, (0, 1, 3, 2, 4))
    blocks = ops.reshape(blocks, (-1, rows, columns, 64 * channels))
    return rounding.round(ops.matmul(blocks, 8 * transform.T))


def extend(tensor, axis: int, size, *, before: bool = False):
    """Repeats the last entry of an axis until it has `size` entries.

    Args:
        tensor: Of any rank.
        axis: Which axis.
        size: Length of the axis afterwards, at least its present one;
            `before` adds one more.
        before: Whether to repeat the first entry once, too.
    """
    shape = list(ops.shape(tensor))
    missing = size - shape[axis]
    pieces = [tensor]
    if before:
        pieces.insert(0, _entries(tensor, axis, slice(None, 1)))
    if not isinstance(missing, int) or missing > 0:
        shape[axis] = missing
        last = _entries(tensor, axis, slice(-1, None))
        pieces.append(ops.broadcast_to(last, shape))
    return ops.concatenate(pieces, axis=axis) if pieces[1:] else tensor


def crop(tensor, height, width):
    """Keeps the first rows and columns of images."""
    wanted = (height, width)
    if all(isinstance(size, int) for size in wanted):
        if tuple(tensor.shape[1:3]) == wanted:
            return tensor
    return tensor[:, :height, :width]


def up_to_multiple(size, factor: int):
    """Returns the least multiple of `factor` that is not below `size`."""
    return -(-size // factor) * factor


@cache
def block_dct(channels: int) -> np.ndarray:
    """Returns the 2-D DCT of flat `(8, 8, channels)` blocks as one matrix.

    The product `block_dct(channels) @ block` keeps the order of its argument:
    vertical frequency, horizontal frequency, channel.
    """
    matrix = _dct_matrix()
    return np.kron(np.kron(matrix, matrix), np.eye(channels))


def _dct_matrix() -> np.ndarray:
    """Returns the orthonormal DCT-II of length 8, rows by frequency."""
    index = np.arange(8)
    angles = np.pi / 16 * index[:, None] * (2 * index + 1)
    matrix = np.cos(angles) / 2
    matrix[0] /= np.sqrt(2)
    return matrix


def _entries(tensor, axis, entries):
    index = [slice(None)] * len(tensor.shape)
    index[axis] = entries
    return tensor[tuple(index)]
