"""Checks of JPEG qualities, and the shapes they come in."""

from numbers import Real

from keras import ops


def check_quality(quality: int) -> int:
    """Returns a quality as an `int`.

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
        quality_map: Real numbers of shape `()`, `(batch,)` or `(batch,
            ceil(height / 8), ceil(width / 8))`.
        image_shape: `(batch, height, width, channels)`, `None` where unknown.

    Raises:
        ValueError: If the shape is another.
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


def _may_equal(shape: tuple, expected: tuple | None) -> bool:
    return expected is not None and all(
        size == wanted or size is None or wanted is None
        for size, wanted in zip(shape, expected, strict=True)
    )
