"""Pictures of a stamp over a photograph, each from its own seed."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from zoo.training.datasets.composed_photos.sources import find_backgrounds
from zoo.training.datasets.composed_photos.sources import find_stamps
from zoo.training.datasets.composed_photos.stamps import STAMPS
from zoo.training.datasets.composed_photos.stamps import read_stamp
from zoo.training.datasets.rendering import camera
from zoo.training.datasets.rendering.parallel import Layout
from zoo.training.datasets.rendering.photographs import random_crop
from zoo.training.datasets.rendering.photographs import read_photograph
from zoo.training.datasets.rendering.random_streams import stream
from zoo.training.datasets.rendering.sensor import light

OVERSAMPLING = 2
"""Pixels painted for one of the picture, on each side."""

LONGER_SIDE = (0.65, 1.0)
"""Of the box around a turned stamp, as a share of the picture's."""

TURN = 25
"""Most degrees that a stamp is turned by, either way."""

ENLARGEMENT = 1.5
"""Most that a stamp is enlarged by; some have but 50 pixels."""


@dataclass(frozen=True, eq=False)
class Composition:
    """A picture of an object and where the object is in it.

    Attributes:
        image: `(size, size, 3)`, uint8.
        mask: The object's alpha, its share of each pixel, `(size, size, 1)`,
            uint8.
        stamp: Which of its class's stamps the object is, an int64 scalar.
        background: Which of the split's photographs is behind it, likewise.
    """

    image: np.ndarray
    mask: np.ndarray
    stamp: np.ndarray
    background: np.ndarray


def layout(size: int) -> Layout:
    """Returns the shapes and types of a composition's arrays.

    Args:
        size: Pixels on a side.
    """
    return {
        "image": ((size, size, 3), "uint8"),
        "mask": ((size, size, 1), "uint8"),
        "stamp": ((), "int64"),
        "background": ((), "int64"),
    }


def compose(
    split: str,
    index: int,
    *,
    kinds: bool = False,
    stamps: str | os.PathLike = STAMPS,
    backgrounds: str | os.PathLike | None = None,
    size: int = 128,
    seed: int = 0,
) -> Composition:
    """Composes a picture. The arguments alone decide how it looks.

    Classes come in turn: `index` modulo their number is the label. The stamp
    lies whole and turned a little in a crop of the photograph; either may be
    mirrored. Light falls on both.

    Args:
        split: `"train"`, `"validation"` or `"test"`.
        index: Of the picture in its split.
        kinds: Whether the classes are kinds, rather than single objects.
        stamps: Folder of Tux Paint's stamps.
        backgrounds: Folder of photographs to lay stamps over; `None` for
            those that are installed.
        size: Pixels on a side.
        seed: Of all pictures.
    """
    rng = stream(split, seed, index)
    classes = list(
        find_stamps(split, kinds=kinds, folder=Path(stamps)).values()
    )
    choices = classes[index % len(classes)]
    photographs = find_backgrounds(split, backgrounds and Path(backgrounds))
    stamp = rng.integers(len(choices))
    background = rng.integers(len(photographs))
    painted = OVERSAMPLING * size
    behind = read_photograph(photographs[background])
    view = random_crop(rng, behind, painted).astype("float32") / 255
    placed = _place(read_stamp(choices[stamp]), size, rng)
    colours, cover = np.split(np.asarray(placed, "float32") / 255, (3,), -1)
    colours = colours * np.float32(np.exp(rng.normal(0, 0.15)))
    view = (view + cover * (colours - view)) * light(rng, painted)
    return Composition(
        image=_taken(_reduced(view), rng),
        mask=np.rint(255 * _reduced(cover)).astype("uint8"),
        stamp=np.asarray(stamp),
        background=np.asarray(background),
    )


def _place(stamp: Image.Image, size: int, rng) -> Image.Image:
    """Shows a stamp anywhere in an empty picture, whole; RGBA."""
    if rng.random() < 0.5:
        stamp = stamp.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    turn = np.radians(rng.uniform(-TURN, TURN))
    cosine, sine = np.cos(turn), np.sin(turn)
    turned = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])
    pose = turned @ np.diag([*stamp.size, 1.0])
    low, high = np.minimum(LONGER_SIDE, ENLARGEMENT * max(stamp.size) / size)
    homography = camera.placed(
        pose, camera.SQUARE, size, rng, longer_side=(low, high)
    )
    enlarged = np.diag([OVERSAMPLING, OVERSAMPLING, 1.0]) @ homography
    scale = camera.extent(enlarged) / max(stamp.size)
    if scale < 1:
        stamp = stamp.resize(
            [max(1, round(scale * side)) for side in stamp.size],
            Image.Resampling.BICUBIC,
        )
    return camera.warp(_framed(stamp), enlarged, OVERSAMPLING * size)


def _framed(stamp):
    """Adds a transparent pixel on each side, so that edges are soft."""
    framed = Image.new("RGBA", (stamp.width + 2, stamp.height + 2))
    framed.paste(stamp, (1, 1))
    return framed


def _taken(pixels, rng):
    """Returns a lit picture with the contrast and colours of some camera."""
    pixels = 0.5 + rng.uniform(0.85, 1.1) * (pixels - 0.5)
    pixels = pixels.clip(0, 1) ** np.exp(rng.normal(0, 0.15))
    pixels = pixels * rng.uniform(0.95, 1.05, 3)
    return np.rint(255 * pixels.clip(0, 1)).astype("uint8")


def _reduced(pixels):
    """Averages over the squares of painted pixels."""
    size, depth = len(pixels) // OVERSAMPLING, pixels.shape[-1]
    shape = (size, OVERSAMPLING, size, OVERSAMPLING, depth)
    return pixels.reshape(shape).mean((1, 3))
