"""Pictures of signs, each from its own seed."""

from dataclasses import dataclass

import numpy as np
from PIL import Image
from PIL import ImageDraw

from zoo.training.datasets.rendered_signs import camera
from zoo.training.datasets.rendered_signs.backgrounds import background
from zoo.training.datasets.rendered_signs.exposure import expose
from zoo.training.datasets.rendered_signs.geometry import rectangle
from zoo.training.datasets.rendered_signs.geometry import transform
from zoo.training.datasets.rendered_signs.light import glare
from zoo.training.datasets.rendered_signs.light import light
from zoo.training.datasets.rendered_signs.occlusion import OCCLUDED
from zoo.training.datasets.rendered_signs.occlusion import occlude
from zoo.training.datasets.rendered_signs.sign import Sign

OVERSAMPLING = 2
"""Pixels painted for one of the picture, on each side."""


@dataclass(frozen=True, eq=False)
class Rendering:
    """A picture of a sign and where the sign is in it.

    Attributes:
        image: `(size, size, 3)`, uint8.
        mask: Where the plate is, also where something hides it,
            `(size, size, 1)`, uint8, 0 or 255.
        homography: From the sign's plane, the unit square around it seen from
            the front, to pixels; 3x3, float32. Pixel (row i, column j)
            covers [j, j + 1] x [i, i + 1].
    """

    image: np.ndarray
    mask: np.ndarray
    homography: np.ndarray

    @property
    def corners(self) -> np.ndarray:
        """x and y of the unit square's corners in the picture, `(4, 2)`.

        Clockwise from the upper left as the sign is read.
        """
        return transform(self.homography, camera.SQUARE).astype("float32")


def render_crop(
    sign: Sign,
    size: int,
    rng: np.random.Generator,
    *,
    occluded: bool | None = None,
) -> Rendering:
    """Renders a sign that fills its picture, as a detector would cut it out.

    Args:
        size: Pixels on a side.
        occluded: Whether something hides a part of it; `None`: at random.
    """
    homography = camera.cropped(
        camera.random_pose(rng), sign.outline, size, rng
    )
    sensor = round(size * 2 ** rng.uniform(-1.2, 0.7))
    horizon = rng.uniform(0.2, 2.0)
    return _render(sign, homography, size, sensor, horizon, occluded, rng)


def render_scene(sign: Sign, size: int, rng: np.random.Generator) -> Rendering:
    """Renders a sign anywhere in a picture of a roadside."""
    homography = camera.placed(camera.random_pose(rng), sign.outline, size, rng)
    horizon = rng.uniform(0.45, 0.75)
    return _render(sign, homography, size, size, horizon, None, rng)


def _render(sign, homography, size, sensor, horizon, occluded, rng):
    painted = OVERSAMPLING * size
    enlarged = np.diag([OVERSAMPLING, OVERSAMPLING, 1.0]) @ homography
    view = _with_pole(background(rng, painted, horizon), sign, enlarged)
    front = sign.front(camera.extent(enlarged))
    seen = np.asarray(camera.warp(front, enlarged, painted), "float32") / 255
    plate, cover = seen[..., :3], seen[..., 3:]
    lit = plate * light(rng, painted) + glare(rng, painted)
    view = view + cover * (lit - view)
    if occluded is None:
        occluded = rng.random() < OCCLUDED
    if occluded:
        outline = transform(enlarged, sign.outline)
        view = occlude(rng, view, outline.min(0), outline.max(0))
    return Rendering(
        image=expose(rng, view, size, sensor),
        mask=_mask(cover, size),
        homography=(homography / homography[2, 2]).astype("float32"),
    )


def _with_pole(view, sign, homography):
    """Stands a pole behind the sign, down to the picture's edge."""
    half = sign.pole_width / 2
    pole = rectangle(0.5 - half, 0.5, 0.5 + half, 8.0)
    cover = Image.new("L", (len(view), len(view)))
    ImageDraw.Draw(cover).polygon(
        [tuple(point) for point in transform(homography, pole)], 255
    )
    share = np.asarray(cover, "float32")[..., None] / 255
    return view + share * (np.float32(sign.pole_grey) - view)


def _mask(cover, size):
    """Returns which pixels are at least half covered."""
    share = cover.reshape(size, OVERSAMPLING, size, OVERSAMPLING).mean((1, 3))
    return np.where(share >= 0.5, 255, 0).astype("uint8")[..., None]
