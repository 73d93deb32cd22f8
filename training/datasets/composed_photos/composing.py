"""Pictures of a stamp over a photograph, each from its own seed."""

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from zoo.training.datasets.composed_photos.photographs import read_photograph
from zoo.training.datasets.composed_photos.stamps import read_stamp
from zoo.training.datasets.rendering import camera
from zoo.training.datasets.rendering.random_streams import stream
from zoo.training.datasets.rendering.sensor import light

OVERSAMPLING = 2
"""Pixels painted for one of the picture, on each side."""

LONGER_SIDE = (0.5, 0.95)
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
        label: Class, an index into the stamps.
        stamp: File of the object.
        background: File of what is behind it.
    """

    image: np.ndarray
    mask: np.ndarray
    label: int
    stamp: Path
    background: Path


def compose(
    split: str,
    index: int,
    *,
    stamps: Mapping[str, Sequence[Path]],
    backgrounds: Sequence[Path],
    size: int = 128,
    seed: int = 0,
) -> Composition:
    """Composes a picture. The arguments alone decide how it looks.

    Classes come in turn: `index` modulo their number is the label. The stamp
    lies whole and turned a little in a crop of the photograph; either may be
    mirrored. Light falls on both.

    Args:
        split: Names the stream of random numbers.
        index: Of the picture in its split.
        stamps: Of each class.
        backgrounds: Photographs to choose from.
        size: Pixels on a side.
        seed: Of all pictures.
    """
    rng = stream(split, seed, index)
    label = index % len(stamps)
    choices = list(stamps.values())[label]
    stamp = choices[rng.integers(len(choices))]
    background = backgrounds[rng.integers(len(backgrounds))]
    painted = OVERSAMPLING * size
    view = _crop(read_photograph(background), painted, rng)
    placed = np.asarray(_place(read_stamp(stamp), size, rng), "float32") / 255
    colours, cover = placed[..., :3], placed[..., 3:]
    colours = colours * np.float32(np.exp(rng.normal(0, 0.15)))
    view = (view + cover * (colours - view)) * light(rng, painted)
    return Composition(
        image=_taken(_reduced(view), rng),
        mask=np.rint(255 * _reduced(cover)).astype("uint8"),
        label=label,
        stamp=stamp,
        background=background,
    )


def _crop(photograph: Image.Image, size: int, rng) -> np.ndarray:
    """Returns a square of a photograph, 40 % to all of its shorter side."""
    side = rng.uniform(0.4, 1) * min(photograph.size)
    left, top = rng.uniform(0, 1, 2) * (np.array(photograph.size) - side)
    square = photograph.resize(
        (size, size),
        Image.Resampling.BILINEAR,
        (
            left,
            top,
            min(left + side, photograph.width),
            min(top + side, photograph.height),
        ),
    )
    if rng.random() < 0.5:
        square = square.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return np.asarray(square, "float32") / 255


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
