"""Many views of one sign, to put stickers on."""

from dataclasses import dataclass

import numpy as np

from zoo.training.datasets.lisa_classes import LISA_CLASSES
from zoo.training.datasets.rendered_signs.rendering import render_crop
from zoo.training.datasets.rendered_signs.sign import Sign
from zoo.training.datasets.rendering.random_streams import stream


@dataclass(frozen=True, eq=False)
class Views:
    """Pictures of one sign.

    Attributes:
        images: Float32 pixels in [0, 1], `(count, size, size, 3)`.
        label: Class, an index of `LISA_CLASSES`.
        homographies: From the sign's plane to each picture's,
            `(count, 3, 3)`, float32. The plane is the unit square that
            `front` shows, x to the right and y downwards; pixel (row i,
            column j) of a picture covers [j, j + 1] x [i, i + 1].
            `to_pixels` returns what `attacks.rp2` takes.
        front: The sign from the front over grey, float32 pixels in [0, 1],
            `(front_size, front_size, 3)`.
        mask: Whether `front` shows the sign, `bool`,
            `(front_size, front_size)`.
    """

    images: np.ndarray
    label: int
    homographies: np.ndarray
    front: np.ndarray
    mask: np.ndarray

    def to_pixels(self, height: int, width: int) -> np.ndarray:
        """Returns the homographies from a mask's pixels to the pictures'.

        Points are `(x, y, 1)`, whole numbers at the pixels' centres, as
        `attacks.rp2` and `Sticker.apply` take them.

        Args:
            height: Of a mask over the sign's plane, in pixels.
            width: And across; the mask need not have the size of `mask`.

        Returns:
            `(count, 3, 3)`, float32.
        """
        to_plane = np.diag([1 / width, 1 / height, 1]) @ _shift(0.5)
        matrices = _shift(-0.5) @ self.homographies @ to_plane
        return matrices.astype("float32")


def views(
    label: int | str,
    count: int,
    seed: int = 0,
    *,
    size: int = 32,
    front_size: int = 256,
) -> Views:
    """Renders one sign as it looks from several places and in several lights.

    Nothing stands in front of it. Another seed is another sign. The first
    views don't depend on the count, so a sticker made on the first 40 of 80
    can be tested on the others; no view is in the data set's splits.

    Args:
        label: Class, as an index of `LISA_CLASSES` or a name.
        count: Views.
        seed: Of the sign and of the views; not negative.
        size: Pixels on a side of a view.
        front_size: Pixels on a side of the sign from the front.

    Raises:
        ValueError: If there is no such class, or a number is not positive.
    """
    label = _index(label)
    for name, number in (
        ("count", count),
        ("size", size),
        ("front_size", front_size),
    ):
        if number < 1:
            raise ValueError(
                f"`{name}` must be positive. Received: {name}={number}"
            )
    if seed < 0:
        raise ValueError(f"`seed` must not be negative. Received: seed={seed}")
    sign = Sign.random(label, stream("views", seed, label))
    renderings = [
        render_crop(
            sign, size, stream("views", seed, label, number), occluded=False
        )
        for number in range(count)
    ]
    front = sign.front(front_size).resize((front_size, front_size))
    front = np.asarray(front, "float32") / 255
    colours, cover = front[..., :3], front[..., 3:]
    return Views(
        images=np.stack([r.image for r in renderings]).astype("float32") / 255,
        label=label,
        homographies=np.stack([r.homography for r in renderings]),
        front=0.5 + cover * (colours - np.float32(0.5)),
        mask=cover[..., 0] >= 0.5,
    )


def _shift(distance) -> np.ndarray:
    """Moves points by as much to the right and down."""
    return np.array([[1, 0, distance], [0, 1, distance], [0, 0, 1]])


def _index(label) -> int:
    if label in LISA_CLASSES:
        return LISA_CLASSES.index(label)
    if isinstance(label, str) or not 0 <= label < len(LISA_CLASSES):
        raise ValueError(
            f"`label` must be 0 to {len(LISA_CLASSES) - 1} or one of "
            f"{', '.join(LISA_CLASSES)}. Received: label={label!r}"
        )
    return int(label)
