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

    A block is at level `k` or above if the share of the other blocks that are
    less salient is at least `k / (levels + 1)`, for `k` from 1 to `levels - 1`.
    With nine levels these shares are tenths, and the highest level takes the
    upper two, as in the released code (`combine_images.py`, "model 3", commit
    67855c9). Ties differ. There, equal values share the highest level that
    one of them reaches, so that a mask's background is compressed like its
    object, and the map's maximum takes the level of the pixel before it. Here
    they share the lowest, and the map's maximum is at the highest level.

    Args:
        saliency: Of blocks, `(batch, rows, columns)`. A flat map is at the
            lowest level.
        levels: How many, at least 2.

    Returns:
        Whole numbers from 0 to `levels - 1`, float32, in the shape of
        `saliency`.

    Reference: github.com/iamaaditya/image-compression-cnn.
    """
    _, rows, columns = ops.shape(saliency)
    last = rows * columns - 1
    ordered = ops.sort(ops.reshape(saliency, (-1, rows * columns)), axis=-1)
    shares = np.arange(1, levels, dtype="int32")
    places = (shares * last + levels) // (levels + 1)  # Rounded up.
    below = ops.take(ordered, ops.maximum(places - 1, 0), axis=1)
    reached = saliency[..., None] > below[:, None, None]
    reached = ops.sum(ops.cast(reached, "float32"), axis=-1)
    lowest, highest = ordered[:, :1, None], ordered[:, -1:, None]
    at_top = ops.logical_and(saliency == highest, highest > lowest)
    return ops.where(at_top, levels - 1.0, reached)


def linear_levels(saliency, levels: int):
    """Cuts saliency from 0 to 1 into equal steps.

    Args:
        saliency: `(batch, rows, columns)`, in [0, 1]. NaN is at the lowest
            level, as by `decile_levels`.
        levels: How many, at least 2.

    Returns:
        As `decile_levels`.
    """
    reached = ops.clip(ops.floor(levels * saliency), 0.0, levels - 1.0)
    return ops.where(ops.isnan(saliency), 0.0, reached)


RULES = {"decile": decile_levels, "linear": linear_levels}
"""How saliency becomes a level of quality."""


def level_qualities(
    min_quality: int, max_quality: int, levels: int
) -> np.ndarray:
    """Returns the quality of each level, in steps that are as equal as can be.

    Args:
        min_quality: Of the lowest level, 1 to 100.
        max_quality: Of the highest level, `min_quality` to 100.
        levels: How many, at least 2.

    Returns:
        Whole numbers, float32, `(levels,)`.
    """
    steps = np.linspace(min_quality, max_quality, levels)
    return np.floor(steps + 0.5).astype("float32")
