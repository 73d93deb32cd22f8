"""From a saliency map to one JPEG quality for each 8x8 block."""

import numpy as np
from keras import ops

from zoo.jpeg.blocks import extend
from zoo.jpeg.blocks import up_to_multiple


def block_means(saliency):
    """Averages a map over 8x8 blocks, the last ones padded as JPEG pads them.

    Args:
        saliency: `(batch, height, width)`.

    Returns:
        `(batch, ceil(height / 8), ceil(width / 8))`.
    """
    _, height, width = ops.shape(saliency)
    saliency = extend(saliency, 1, up_to_multiple(height, 8))
    saliency = extend(saliency, 2, up_to_multiple(width, 8))
    _, height, width = ops.shape(saliency)
    blocks = ops.reshape(saliency, (-1, height // 8, 8, width // 8, 8))
    return ops.mean(blocks, axis=(2, 4))


def decile_levels(saliency, levels: int):
    """Ranks blocks by saliency: each level but the last takes an equal share.

    The thresholds are the quantiles `k / (levels + 1)` of each image's blocks,
    for `k` from 1 to `levels - 1`. With nine levels these are deciles, and the
    highest level takes the upper two tenths, as in the released code
    (`combine_images.py`, "model 3"). There, the map's maximum is below no
    quantile and takes the level of the pixel before it; here it takes the
    highest.

    Args:
        saliency: Of blocks, `(batch, rows, columns)`. Equal values share the
            highest level that one of them reaches, so a flat map is at the
            highest.
        levels: How many, at least 2.

    Returns:
        Whole numbers from 0 to `levels - 1`, float32, in the shape of
        `saliency`.

    Reference: github.com/iamaaditya/image-compression-cnn.
    """
    _, rows, columns = ops.shape(saliency)
    ordered = ops.sort(ops.reshape(saliency, (-1, rows * columns)), axis=-1)
    last = rows * columns - 1
    shares = np.arange(1, levels, dtype="float32") / (levels + 1)
    places = shares * ops.cast(last, "float32")
    lower = ops.floor(places)
    index = ops.cast(lower, "int32")
    below = ops.take(ordered, index, axis=1)
    above = ops.take(ordered, ops.minimum(index + 1, last), axis=1)
    quantiles = below + (places - lower) * (above - below)
    reached = saliency[..., None] >= quantiles[:, None, None]
    return ops.sum(ops.cast(reached, "float32"), axis=-1)


def linear_levels(saliency, levels: int):
    """Cuts saliency from 0 to 1 into equal steps.

    Args:
        saliency: `(batch, rows, columns)`, in [0, 1].
        levels: How many, at least 2.

    Returns:
        As `decile_levels`.
    """
    return ops.clip(ops.floor(levels * saliency), 0.0, levels - 1.0)


RULES = {"decile": decile_levels, "linear": linear_levels}
"""How saliency becomes a level of quality."""


def level_qualities(
    min_quality: int, max_quality: int, levels: int
) -> np.ndarray:
    """Returns the quality of each level, in steps that are as equal as can be.

    Returns:
        Whole numbers, float32, `(levels,)`.
    """
    steps = np.linspace(min_quality, max_quality, levels)
    return np.floor(steps + 0.5).astype("float32")
