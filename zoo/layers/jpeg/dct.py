"""Transform coding of 8x8 blocks as two matrix products."""

from collections.abc import Callable

import numpy as np
from keras import ops

# Halves round away from zero as in libjpeg, not to even.
AWAY_FROM_ZERO = 1 + 2.0**-20


def dct_matrix() -> np.ndarray:
    """Returns the orthonormal DCT-II of length 8, rows by frequency."""
    index = np.arange(8)
    angles = np.pi / 16 * index[:, None] * (2 * index + 1)
    matrix = np.cos(angles) / 2
    matrix[0] /= np.sqrt(2)
    return matrix


def block_dct(channels: int) -> np.ndarray:
    """Returns the 2-D DCT of flat `(8, 8, channels)` blocks as one matrix.

    The product `block_dct(channels) @ block` keeps the order of its argument:
    vertical frequency, horizontal frequency, channel.
    """
    matrix = dct_matrix()
    return np.kron(np.kron(matrix, matrix), np.eye(channels))


def code_blocks(planes, steps, round_coefficients: Callable):
    """Transforms, quantizes and restores every 8x8 block.

    Args:
        planes: `(batch, height, width, channels)`, level-shifted, both sizes
            multiples of 8.
        steps: Quantization steps, `(64 * channels,)` as a NumPy array, which
            then become part of the transforms, or as a tensor that broadcasts
            to `(batch, height / 8, width / 8, 64 * channels)`.
        round_coefficients: Rounds a tensor to whole numbers.

    Returns:
        Samples of the shape of `planes`, neither rounded nor limited.
    """
    channels = planes.shape[-1]
    rows = ops.shape(planes)[1] // 8
    columns = ops.shape(planes)[2] // 8
    blocks = ops.reshape(planes, (-1, rows, 8, columns, 8 * channels))
    blocks = ops.transpose(blocks, (0, 1, 3, 2, 4))
    blocks = ops.reshape(blocks, (-1, rows, columns, 64 * channels))

    transform = block_dct(channels)
    if isinstance(steps, np.ndarray):
        analysis = transform.T / steps * AWAY_FROM_ZERO
        synthesis = transform * steps[:, None]
        levels = round_coefficients(
            ops.matmul(blocks, analysis.astype("float32"))
        )
        blocks = ops.matmul(levels, synthesis.astype("float32"))
    else:
        analysis = transform.T * AWAY_FROM_ZERO
        levels = round_coefficients(
            ops.matmul(blocks, analysis.astype("float32")) / steps
        )
        blocks = ops.matmul(levels * steps, transform.astype("float32"))

    blocks = ops.reshape(blocks, (-1, rows, columns, 8, 8 * channels))
    blocks = ops.transpose(blocks, (0, 1, 3, 2, 4))
    return ops.reshape(blocks, (-1, 8 * rows, 8 * columns, channels))
