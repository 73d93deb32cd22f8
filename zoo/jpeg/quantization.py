"""Quantization: tables by quality, qualities as given, and rounding."""

from numbers import Real

import keras
import numpy as np
from keras import ops

LUMINANCE = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ]
)
CHROMINANCE = np.array(
    [
        [17, 18, 24, 47, 99, 99, 99, 99],
        [18, 21, 26, 66, 99, 99, 99, 99],
        [24, 26, 56, 99, 99, 99, 99, 99],
        [47, 66, 99, 99, 99, 99, 99, 99],
        [99, 99, 99, 99, 99, 99, 99, 99],
        [99, 99, 99, 99, 99, 99, 99, 99],
        [99, 99, 99, 99, 99, 99, 99, 99],
        [99, 99, 99, 99, 99, 99, 99, 99],
    ]
)


def quantization_tables(base: np.ndarray) -> np.ndarray:
    """Scales a table of Annex K to every quality, within baseline's 1 to 255.

    Args:
        base: `LUMINANCE` or `CHROMINANCE`.

    Returns:
        Whole steps, `(100, 8, 8)`: by quality from 1 on, by vertical and by
        horizontal frequency.

    Reference: ITU-T T.81, tables K.1 and K.2; `jpeg_quality_scaling` and
        `jpeg_add_quant_table` in libjpeg's jcparam.c.
    """
    quality = np.arange(1, 101)
    percent = np.where(quality < 50, 5000 // quality, 200 - 2 * quality)
    return np.clip((base * percent[:, None, None] + 50) // 100, 1, 255)


def check_quality(quality: int) -> int:
    """Returns a quality as an `int`, or says what is wrong with it.

    Raises:
        ValueError: If it is no whole number from 1 to 100.
    """
    whole = isinstance(quality, Real) and quality % 1 == 0
    if not whole or not 1 <= quality <= 100:
        raise ValueError(
            "quality must be a whole number from 1 to 100. "
            f"Received: quality={quality!r}"
        )
    return int(quality)


def read_quality_map(quality_map, image_shape: tuple):
    """Returns whole qualities from 1 to 100 as a float32 tensor.

    Args:
        quality_map: Numbers of shape `()`, `(batch,)` or `(batch,
            ceil(height / 8), ceil(width / 8))`.
        image_shape: `(batch, height, width, channels)`, `None` where unknown.

    Raises:
        ValueError: If the shape is none of these.
    """
    qualities = ops.convert_to_tensor(quality_map)
    batch, height, width, _ = image_shape
    blocks = [size and -(-size // 8) for size in (height, width)]
    expected = {0: (), 1: (batch,), 3: (batch, *blocks)}
    shape = tuple(qualities.shape)
    if not _may_equal(shape, expected.get(len(shape))):
        raise ValueError(
            "quality_map must be a scalar, (batch,) or "
            "(batch, ceil(height / 8), ceil(width / 8)). "
            f"Received: shape {shape} for images of shape {tuple(image_shape)}"
        )
    qualities = ops.round(ops.cast(qualities, "float32"))
    return ops.clip(qualities, 1.0, 100.0)


class ExactRounding:
    """Rounds and saturates as libjpeg does."""

    def round(self, samples):
        """Rounds samples to whole numbers."""
        return ops.round(samples)

    def round_coefficients(self, coefficients):
        """Rounds quantized coefficients to whole numbers."""
        return ops.round(coefficients)

    def to_bytes(self, values, low: float, high: float):
        """Takes the nearest of 256 even levels from `low` to `high`."""
        return keras.quantizers.fake_quant_with_min_max_vars(values, low, high)

    def take_quality(self, values, quality):
        """Takes the rows of `(100, n)` values that whole qualities name."""
        return ops.take(values, ops.cast(quality - 1.0, "int32"), axis=0)


class SmoothRounding:
    """Rounds and saturates differentiably.

    Coefficients become `round(x) + (x - round(x))**3`. Samples and pixels are
    kept in range but not rounded. Between whole qualities, quantization steps
    are interpolated.

    Reference: Shin and Song, "JPEG-resistant Adversarial Images", NIPS 2017
        Workshop on Machine Learning and Computer Security.
    """

    def round(self, samples):
        return samples

    def round_coefficients(self, coefficients):
        whole = ops.round(coefficients)
        return whole + (coefficients - whole) ** 3

    def to_bytes(self, values, low: float, high: float):
        return ops.clip(values, low, high)

    def take_quality(self, values, quality):
        """Interpolates the rows between which qualities lie."""
        lower = ops.clip(ops.floor(quality), 1.0, 99.0)
        share = (quality - lower)[..., None]
        index = ops.cast(lower - 1.0, "int32")
        below = ops.take(values, index, axis=0)
        above = ops.take(values, index + 1, axis=0)
        return below + share * (above - below)


def _may_equal(shape: tuple, expected: tuple | None) -> bool:
    return expected is not None and all(
        size == wanted or size is None or wanted is None
        for size, wanted in zip(shape, expected, strict=True)
    )
