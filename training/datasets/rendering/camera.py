"""Where a sign appears in a picture.

A homography is a 3x3 array that takes the sign's plane, the unit square around
the sign seen from the front, to a picture's plane, whose pixel in row i and
column j covers [j, j + 1] x [i, i + 1].
"""

import numpy as np
from PIL import Image

from zoo.training.datasets.rendering.geometry import Points
from zoo.training.datasets.rendering.geometry import transform

SQUARE = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])


def random_pose(rng: np.random.Generator) -> np.ndarray:
    """Draws how a pinhole camera sees the sign's plane, at any scale.

    The sign is turned up to 50 degrees from the camera, mostly less, leans
    back or forth up to 15 and sideways up to 10, and is seen from 4 to 20
    times its width away.

    Returns:
        A homography to a plane of unknown unit and origin.
    """
    yaw = np.radians(np.clip(rng.normal(0, 20), -50, 50))
    pitch = np.radians(np.clip(rng.normal(0, 6), -15, 15))
    roll = np.radians(np.clip(rng.normal(0, 4), -10, 10))
    distance = rng.uniform(4, 20)
    turned = (
        _rotation(roll, (0, 1))
        @ _rotation(pitch, (1, 2))
        @ _rotation(yaw, (0, 2))
    )
    from_centre = np.array([[1, 0, -0.5], [0, 1, -0.5], [0, 0, 1]])
    # Columns: the plane's two axes in space, and its centre.
    to_space = np.stack([turned[:, 0], turned[:, 1], [0, 0, distance]], 1)
    return to_space @ from_centre


def cropped(
    pose: np.ndarray, outline: Points, size: int, rng: np.random.Generator
) -> np.ndarray:
    """Fits a sign into a picture as an annotated box, cut out, would be.

    The box is stretched to a square, as the crops of LISA are, and misses the
    sign's own by up to 8 % of its sides, to the outside rather than the
    inside.

    Args:
        outline: Of the sign, in its plane.
        size: Pixels on a side of the picture.
    """
    seen = transform(pose, outline)
    low, high = seen.min(0), seen.max(0)
    low, high = (
        low - rng.uniform(-0.03, 0.08, 2) * (high - low),
        high + rng.uniform(-0.03, 0.08, 2) * (high - low),
    )
    return _boxed(low, high, (0, 0), (size, size)) @ pose


def placed(
    pose: np.ndarray,
    outline: Points,
    size: int,
    rng: np.random.Generator,
    *,
    longer_side: tuple[float, float] = (0.15, 0.6),
) -> np.ndarray:
    """Puts a sign anywhere in a picture, whole and in its true proportions.

    Small ones are more frequent.

    Args:
        outline: Of the sign, in its plane.
        size: Pixels on a side of the picture.
        longer_side: Least and most of it, as a share of the picture's.
    """
    seen = transform(pose, outline)
    low, high = seen.min(0), seen.max(0)
    longer = size * np.exp(rng.uniform(*np.log(longer_side)))
    extent = (high - low) * longer / (high - low).max()
    corner = rng.uniform(0, 1, 2) * (size - extent)
    return _boxed(low, high, corner, corner + extent) @ pose


def warp(
    picture: Image.Image, homography: np.ndarray, size: int
) -> Image.Image:
    """Shows a picture of the sign's plane as the camera sees it.

    Args:
        picture: RGBA; of the unit square.
        size: Pixels on a side of the result.
    """
    to_pixels = np.diag([picture.width, picture.height, 1.0])
    inverse = to_pixels @ np.linalg.inv(homography)
    coefficients = (inverse / inverse[2, 2]).ravel()[:8]
    return picture.transform(
        (size, size),
        Image.Transform.PERSPECTIVE,
        tuple(coefficients),
        Image.Resampling.BILINEAR,
    )


def extent(homography: np.ndarray) -> float:
    """Returns the longest side of the unit square in a picture, in pixels."""
    corners = transform(homography, SQUARE)
    return np.linalg.norm(corners - np.roll(corners, 1, 0), axis=1).max()


def _boxed(low, high, new_low, new_high) -> np.ndarray:
    """Returns the map that scales and shifts one box to another."""
    scale = (np.asarray(new_high) - new_low) / (high - low)
    shift = new_low - scale * low
    return np.array(
        [[scale[0], 0, shift[0]], [0, scale[1], shift[1]], [0, 0, 1]]
    )


def _rotation(angle, plane) -> np.ndarray:
    matrix = np.eye(3)
    first, second = plane
    matrix[[first, second], [first, second]] = np.cos(angle)
    matrix[first, second] = -np.sin(angle)
    matrix[second, first] = np.sin(angle)
    return matrix
