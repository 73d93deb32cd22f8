"""Pictures of signs, each from its own seed."""

from dataclasses import dataclass

import numpy as np
from PIL import Image
from PIL import ImageDraw

from zoo.training.datasets.lisa_classes import LISA_CLASSES
from zoo.training.datasets.rendered_signs.sign import Sign
from zoo.training.datasets.rendering import camera
from zoo.training.datasets.rendering.backgrounds import background
from zoo.training.datasets.rendering.backgrounds import foliage
from zoo.training.datasets.rendering.backgrounds import fractal_noise
from zoo.training.datasets.rendering.geometry import rectangle
from zoo.training.datasets.rendering.geometry import transform
from zoo.training.datasets.rendering.parallel import Layout
from zoo.training.datasets.rendering.random_streams import stream
from zoo.training.datasets.rendering.sensor import expose
from zoo.training.datasets.rendering.sensor import glare
from zoo.training.datasets.rendering.sensor import light

OVERSAMPLING = 2
"""Pixels painted for one of the picture, on each side."""

OCCLUDED = 0.2
"""Share of the signs with something in front of them."""


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


def layout(size: int) -> Layout:
    """Returns the shapes and types of a rendering's arrays."""
    return {
        "image": ((size, size, 3), "uint8"),
        "mask": ((size, size, 1), "uint8"),
        "homography": ((3, 3), "float32"),
    }


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


def crop(split: str, index: int, *, size: int = 32, seed: int = 0) -> Rendering:
    """Renders a cut-out sign. The arguments alone decide how it looks.

    Classes come in turn: `index % 17` is the label.

    Args:
        split: "train", "validation" or "test".
    """
    rng = stream(split, seed, index)
    sign = Sign.random(index % len(LISA_CLASSES), rng)
    return render_crop(sign, size, rng)


def scene(
    split: str, index: int, *, size: int = 128, seed: int = 0
) -> Rendering:
    """Renders a sign in a roadside scene, as `crop` does a cut-out one."""
    rng = stream(split, seed, index)
    sign = Sign.random(index % len(LISA_CLASSES), rng)
    return render_scene(sign, size, rng)


def _occlude(
    rng: np.random.Generator,
    picture: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
) -> np.ndarray:
    """Hides at most about a quarter of a box in a picture.

    Leaves reach in from a side, or a branch or a pole crosses the box.

    Args:
        picture: `(size, size, 3)`, 0 to 1.
        low: x and y of the box's upper left corner, in pixels.
        high: Of its lower right corner.
    """
    if rng.random() < 0.6:
        hidden = _leaves(rng, len(picture), low, high)
        return np.where(hidden[..., None], foliage(rng, len(picture)), picture)
    hidden = _bar(rng, len(picture), low, high)
    tone = rng.uniform(0.1, 0.5) * rng.uniform(0.85, 1.0, 3)
    return picture + hidden * (tone.astype("float32") - picture)


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
        view = _occlude(rng, view, outline.min(0), outline.max(0))
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


def _leaves(rng, size, low, high):
    """Leaves from the left, right or top of the box."""
    rows, columns = np.mgrid[:size, :size].astype("float32")
    across = (columns - low[0]) / (high[0] - low[0])
    down = (rows - low[1]) / (high[1] - low[1])
    depth = (across, 1 - across, down)[rng.integers(3)]
    ragged = 0.25 * fractal_noise(rng, size, 6, 3)
    depth = depth + ragged
    return (depth > -1) & (depth < rng.uniform(0.08, 0.22))


def _bar(rng, size, low, high):
    """A straight thing across the box, thin if it runs through its middle."""
    length = (high - low).max()
    middle = low + rng.uniform(0.1, 0.9, 2) * (high - low)
    angle = rng.uniform(0, np.pi)
    reach = 2 * size * np.array([np.cos(angle), np.sin(angle)])
    cover = Image.new("L", (size, size))
    ImageDraw.Draw(cover).line(
        [tuple(middle - reach), tuple(middle + reach)],
        255,
        max(1, round(rng.uniform(0.03, 0.1) * length)),
    )
    return np.asarray(cover)[..., None].astype("float32") / 255
