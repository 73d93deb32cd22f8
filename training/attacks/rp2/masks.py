"""Where a sticker goes on the sign."""

import os
from collections.abc import Callable

import numpy as np

from zoo.pictures import read_picture

_STICKERS = ((0.19, 0.28, 0.25, 0.72), (0.75, 0.28, 0.81, 0.72))


def two_rectangles(
    height: int,
    width: int,
    boxes: tuple[tuple[float, float, float, float], ...] = _STICKERS,
) -> np.ndarray:
    """Returns a mask of rectangles, by default above and below the legend.

    The default has 56 of 32x32 pixels; the authors' four rectangles have 30.

    Args:
        height: Pixels of the sign's plane, down.
        width: And across.
        boxes: Top, left, bottom and right of each rectangle, fractions of
            the sign's sides. A pixel belongs to it if its centre does.

    Returns:
        `(height, width)` of `bool`.

    Raises:
        ValueError: If no pixel's centre lies in a rectangle.

    Reference: the black and white stickers of Eykholt et al., section 4.
    """
    y = (np.arange(height)[:, None] + 0.5) / height
    x = (np.arange(width)[None] + 0.5) / width
    mask = np.zeros((height, width), bool)
    for top, left, bottom, right in boxes:
        inside = (y >= top) & (y < bottom) & (x >= left) & (x < right)
        if not inside.any():
            raise ValueError(
                "Each rectangle must hold a pixel. Received: box="
                f"{(top, left, bottom, right)}, height={height}, width={width}"
            )
        mask |= inside
    return mask


def octagon(height: int, width: int) -> np.ndarray:
    """Returns the mask of a poster over a whole stop sign.

    The regular octagon that touches all four sides.

    Args:
        height: Pixels of the sign's plane, down.
        width: And across.

    Returns:
        `(height, width)` of `bool`.

    Reference: the subtle poster of Eykholt et al., section 4.
    """
    y = np.abs(2 * (np.arange(height)[:, None] + 0.5) / height - 1)
    x = np.abs(2 * (np.arange(width)[None] + 0.5) / width - 1)
    return x + y <= np.sqrt(2)


def from_picture(
    path: str | os.PathLike, height: int, width: int
) -> np.ndarray:
    """Reads a mask from a picture, its light half the sticker.

    Args:
        path: File of any format that Pillow reads, of any size.
        height: Pixels of the sign's plane, down.
        width: And across.

    Returns:
        `(height, width)` of `bool`.

    Raises:
        ValueError: If the file is no picture, or dark throughout.
    """
    mask = read_picture(path, (height, width, 1))[..., 0] > 127
    if not mask.any():
        raise ValueError(
            "A mask must have a light pixel, which is the sticker. "
            f"Received: {path}"
        )
    return mask


by_name: dict[str, Callable[[int, int], np.ndarray]] = {
    "stickers": two_rectangles,
    "octagon": octagon,
}
"""The masks that need no picture."""
