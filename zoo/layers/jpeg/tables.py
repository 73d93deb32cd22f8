"""Quantization tables of the JPEG standard, scaled as libjpeg does."""

import numpy as np

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
