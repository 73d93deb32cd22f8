"""libjpeg's color transform, and how it halves and doubles the chroma.

Pixels are in [0, 1]; samples are level-shifted, luma from -128 to 127.
"""

import numpy as np
from keras import ops

# Sixteen-bit fixed point, as in jccolor.c and jdcolor.c.
RGB_TO_YCC = (
    np.array(
        [[19595, -11059, 32768], [38470, -21709, -27439], [7471, 32768, -5329]]
    )
    / 65536
)
YCC_TO_RGB = (
    np.array([[65536, 65536, 65536], [0, -22554, 116130], [91881, -46802, 0]])
    / 65536
)
_HAIR = 1e-4
"""Subtracted so that values libjpeg rounds down are just below one half."""

_GROUP = 8
"""Pixels that one small product treats together; tiny matrices are slow."""


def rgb_to_luma(pixels):
    """Maps `(batch, height, width, 3)` pixels to one sample each."""
    return convolve(pixels, 255 * RGB_TO_YCC[None, None, :, :1], [-128])


def rgb_to_chroma(pixels):
    """Maps `(batch, height, width, 3)` pixels to Cb and Cr."""
    kernel = 255 * RGB_TO_YCC[None, None, :, 1:]
    return convolve(pixels, kernel, [-_HAIR, -_HAIR])


def ycc_to_rgb(luma, chroma):
    """Maps samples to pixels, neither rounded nor limited.

    Args:
        luma: `(batch, height, width, 1)`, the width a multiple of 8.
        chroma: `(batch, height, width, 2)`.
    """
    _, height, width, _ = ops.shape(luma)
    groups = (-1, height, width // _GROUP)
    samples = ops.concatenate(
        [
            ops.reshape(luma, (*groups, _GROUP)),
            ops.reshape(chroma, (*groups, 2 * _GROUP)),
        ],
        axis=-1,
    )
    each = np.eye(_GROUP)
    kernel = np.concatenate(
        [np.kron(each, YCC_TO_RGB[:1]), np.kron(each, YCC_TO_RGB[1:])]
    )
    pixels = convolve(
        samples, kernel[None, None] / 255, np.full(3 * _GROUP, 128 / 255)
    )
    return ops.reshape(pixels, (-1, height, width, 3))


def downsample(chroma):
    """Averages 2x2 samples.

    The bias makes halves go down in even columns and up in odd ones, as in
    `h2v2_downsample` of jcsample.c.

    Args:
        chroma: Of even height, its width a multiple of 8.
    """
    _, height, width, _ = ops.shape(chroma)
    groups = ops.reshape(chroma, (-1, height, width // _GROUP, 2 * _GROUP))
    columns = np.kron(np.eye(_GROUP // 2), np.ones((2, 1)))
    kernel = np.kron(columns, np.eye(2)) / 4
    bias = np.tile(np.repeat([-0.125, 0.125], 2), _GROUP // 4)
    halves = convolve(
        groups, np.stack([kernel, kernel])[:, None], bias, strides=(2, 1)
    )
    return ops.reshape(halves, (-1, height // 2, width // 2, 2))


def upsample(chroma):
    """Doubles both sizes; a new sample is 9:3:3:1 of the four nearest.

    The "fancy upsampling" of `h2v2_fancy_upsample` in jdsample.c.

    Args:
        chroma: With a border of one sample, which the result leaves out.
    """
    taps = np.array([[1, 3, 0], [0, 3, 1]]) / 4
    kernel = np.einsum("py,qx,cd->yxcpqd", taps, taps, np.eye(2))
    bias = np.tile(np.repeat([_HAIR, -_HAIR], 2), 2)
    return unfold(convolve(chroma, kernel.reshape(3, 3, 2, 8), bias))


def convolve(inputs, kernel: np.ndarray, bias=None, strides=1):
    """Convolves with constant weights, without padding.

    Args:
        inputs: `(batch, height, width, channels)`.
        kernel: `(rows, columns, channels, new channels)`.
        bias: Added to each new channel, `(new channels,)`; `None` for none.
        strides: One step, or those down and to the right.

    Returns:
        `(batch, new height, new width, new channels)`: for strides of 1,
        `height - rows + 1` by `width - columns + 1`.
    """
    outputs = ops.conv(
        inputs,
        kernel.astype("float32"),
        strides=strides,
        padding="valid",
        data_format="channels_last",
    )
    if bias is None:
        return outputs
    return ops.add(outputs, np.asarray(bias, "float32"))


def unfold(squares):
    """Lays out channels of `(2, 2, new channels)` as 2x2 squares of samples."""
    _, height, width, channels = ops.shape(squares)
    rows = ops.reshape(squares, (-1, height, width, 2, channels // 2))
    rows = ops.transpose(rows, (0, 1, 3, 2, 4))
    return ops.reshape(rows, (-1, 2 * height, 2 * width, channels // 4))
