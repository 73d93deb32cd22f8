"""Pixels in the range that a model was trained on."""

import math

import keras


def to_pixel_range(images, pixel_range: tuple[float, float]):
    """Moves pixels from [0, 1] to another range.

    Args:
        images: Pixels in [0, 1].
        pixel_range: What 0 and 1 become, for example `(0, 255)` or `(-1, 1)`.

    Raises:
        ValueError: If the range is not two finite numbers, the lower first.
    """
    try:
        low, high = map(float, pixel_range)
    except (TypeError, ValueError):
        low = high = math.nan
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(
            "`pixel_range` must be two numbers, the lower first. "
            f"Received: pixel_range={pixel_range}"
        )
    if (low, high) == (0.0, 1.0):
        return images
    return keras.layers.Rescaling(high - low, offset=low, name="pixel_range")(
        images
    )
