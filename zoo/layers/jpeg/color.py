"""Color transform and chroma resampling of libjpeg, as convolutions.

Pixels are in [0, 1]; samples are level-shifted, luma from -128 to 127.
libjpeg works in whole numbers, so the halves that it rounds down are lowered
by a hair before rounding.
"""

import numpy as np
from keras import ops

# Sixteen-bit fixed point, from jccolor.c and jdcolor.c.
RGB_TO_YCC = (
    np.array(
        [[19595, -11059, 32768], [38470, -21709, -27439], [7471, 32768, -5329]]
    )
    / 65536
)
YCC_TO_RGB = (
    np.array(
        [[65536, 65536, 65536], [0, -22554, 116130], [91881, -46802, 0]]
    )
    / 65536
)
HAIR = 1e-4
# Pixels per group: wide enough to make fast products of tiny matrices.
GROUP = 8


def _convolve(inputs, kernel, bias, strides=1):
    outputs = ops.conv(
        inputs,
        kernel.astype("float32"),
        strides=strides,
        padding="valid",
        data_format="channels_last",
    )
    return ops.add(outputs, np.asarray(bias, "float32"))


def rgb_to_luma(pixels):
    """Maps `(batch, height, width, 3)` pixels to one luma sample each."""
    return _convolve(pixels, 255 * RGB_TO_YCC[None, None, :, :1], [-128])


def rgb_to_chroma(pixels):
    """Maps `(batch, height, width, 3)` pixels to Cb and Cr."""
    kernel = 255 * RGB_TO_YCC[None, None, :, 1:]
    return _convolve(pixels, kernel, [-HAIR, -HAIR])


def ycc_to_rgb(luma, chroma):
    """Maps luma and chroma of equal size to pixels, not limited to [0, 1].

    Args:
        luma: `(batch, height, width, 1)`, the width a multiple of 8.
        chroma: `(batch, height, width, 2)`.
    """
    _, height, width, _ = ops.shape(luma)
    groups = (-1, height, width // GROUP)
    samples = ops.concatenate(
        [
            ops.reshape(luma, (*groups, GROUP)),
            ops.reshape(chroma, (*groups, 2 * GROUP)),
        ],
        axis=-1,
    )
    each = np.eye(GROUP)
    kernel = np.concatenate(
        [np.kron(each, YCC_TO_RGB[:1]), np.kron(each, YCC_TO_RGB[1:])]
    )
    pixels = _convolve(
        samples, kernel[None, None] / 255, np.full(3 * GROUP, 128 / 255)
    )
    return ops.reshape(pixels, (-1, height, width, 3))


def downsample(chroma):
    """Averages 2x2 chroma samples; rounding is left to the caller.

    Halves are to go down in even columns and up in odd ones, as in
    `h2v2_downsample` of jcsample.c.

    Args:
        chroma: `(batch, height, width, 2)`, the height even, the width a
            multiple of 8.
    """
    _, height, width, _ = ops.shape(chroma)
    groups = ops.reshape(chroma, (-1, height, width // GROUP, 2 * GROUP))
    pairs = np.kron(np.eye(GROUP // 2), np.ones((2, 1)))
    kernel = np.kron(pairs, np.eye(2)) / 4
    bias = np.tile(np.repeat([-0.125, 0.125], 2), GROUP // 4)
    halves = _convolve(
        groups, np.stack([kernel, kernel])[:, None], bias, strides=(2, 1)
    )
    return ops.reshape(halves, (-1, height // 2, width // 2, 2))


def upsample(chroma):
    """Doubles both sizes with a triangle filter; rounding is the caller's.

    The "fancy upsampling" of `h2v2_fancy_upsample` in jdsample.c: each new
    sample is 9/16, 3/16, 3/16 and 1/16 of the four nearest.

    Args:
        chroma: `(batch, height + 2, width + 2, 2)`, with a border of one.

    Returns:
        `(batch, 2 * height, 2 * width, 2)`.
    """
    _, height, width, _ = ops.shape(chroma)
    height, width = height - 2, width - 2
    taps = np.array([[1, 3, 0], [0, 3, 1]]) / 4
    kernel = np.einsum("py,qx,cd->yxcpqd", taps, taps, np.eye(2))
    bias = np.tile(np.repeat([HAIR, -HAIR], 2), 2)
    doubled = _convolve(chroma, kernel.reshape(3, 3, 2, 8), bias)
    doubled = ops.reshape(doubled, (-1, height, width, 2, 4))
    doubled = ops.transpose(doubled, (0, 1, 3, 2, 4))
    return ops.reshape(doubled, (-1, 2 * height, 2 * width, 2))
