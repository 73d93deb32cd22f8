"""Pictures of objects before backgrounds, each from its own seed.

The steps are those of the code that Berntsen et al. released with "Mind's
Eye" (`hberntsen/resisting-adversarials`), but for what went wrong in it:

- The grey value of a render weighed red, green and alpha, by 0.0722, in place
  of blue. Here it weighs blue.
- The range was stretched by percentiles of all renders, those of the test set
  too. Here they are of the same 27 poses whatever is rendered.
- Dividing by alpha before the stretch overwrote the renders that were read.
  Here it makes a new array.
- The stretched render, which alpha had been multiplied into, was multiplied
  by alpha once more when it was blended, so soft edges were dark. Here the
  blend is `clean + (1 - alpha) * background`.
- Pixels were cut to whole numbers. Here they are rounded.
"""

import itertools
from dataclasses import dataclass
from functools import cache

import numpy as np

from zoo.training.datasets.rendered_objects.meshes import CLASSES
from zoo.training.datasets.rendered_objects.ray_casting import ray_caster
from zoo.training.datasets.rendering.backgrounds import background
from zoo.training.datasets.rendering.parallel import Layout
from zoo.training.datasets.rendering.photographs import find_photographs
from zoo.training.datasets.rendering.photographs import of_split
from zoo.training.datasets.rendering.photographs import random_crop
from zoo.training.datasets.rendering.photographs import read_photograph
from zoo.training.datasets.rendering.photographs import to_grey
from zoo.training.datasets.rendering.random_streams import stream

LARGEST_ANGLE = 0.5
"""Of the object about each axis, either way, in radians."""

SIZE = 64

PHOTOGRAPHS = "photographs"
"""Backgrounds that are cut from the photographs of this machine."""

PAINTED = "painted"
"""Backgrounds that are painted by code, the same everywhere."""

_PERCENTILES = (15, 85)
"""Of the object's greys, that become black and white."""


@dataclass(frozen=True, eq=False)
class Rendering:
    """An object before a background.

    Attributes:
        image: `(64, 64, 1)`, uint8.
        pose: Blender's Euler angles about x, y and z in the order "ZXY",
            `(3,)`, float32, in radians; zeros where there is no object.
        alpha: How far each pixel shows the object, `(64, 64, 1)`, uint8.
        clean: The object before black, `(64, 64, 1)`, uint8.
    """

    image: np.ndarray
    pose: np.ndarray
    alpha: np.ndarray
    clean: np.ndarray


LAYOUT: Layout = {
    "image": ((SIZE, SIZE, 1), "uint8"),
    "pose": ((3,), "float32"),
    "alpha": ((SIZE, SIZE, 1), "uint8"),
    "clean": ((SIZE, SIZE, 1), "uint8"),
}
"""Shapes and types of a rendering's arrays."""


def render_object(
    split: str,
    index: int,
    *,
    penguin: str = "ellipsoids",
    backgrounds: str = PHOTOGRAPHS,
    seed: int = 0,
) -> Rendering:
    """Renders one example. The arguments alone decide how it looks.

    Classes come in turn: `index % 4` is the label.

    Args:
        split: "train", "validation" or "test".
        penguin: As `meshes.body` takes it.
        backgrounds: `PHOTOGRAPHS`, `PAINTED`, or a folder of photographs.
            Splits share no photograph.

    Raises:
        FileNotFoundError: If Tux or the folder isn't there.
        ValueError: If there are no photographs for the split.
    """
    rng = stream(split, seed, index)
    label = index % len(CLASSES)
    angles = rng.uniform(-LARGEST_ANGLE, LARGEST_ANGLE, 3).astype("float32")
    behind = _background(rng, split, backgrounds)
    if label == CLASSES.index("none"):
        nothing = np.zeros((SIZE, SIZE))
        return _rendering(behind, np.zeros(3, "float32"), nothing, nothing)
    clean, alpha = draw_object(label, angles, penguin=penguin)
    return _rendering(clean + (1 - alpha) * behind, angles, alpha, clean)


def draw_object(
    label: int, pose: np.ndarray, *, penguin: str = "ellipsoids"
) -> tuple[np.ndarray, np.ndarray]:
    """Draws an object before black.

    Args:
        label: A class that has an object.
        pose: Angles, as `Rendering` has them.
        penguin: As `meshes.body` takes it.

    Returns:
        The object multiplied by alpha, 0 to 255, and alpha, 0 to 1, both
        `(64, 64)`, float64.
    """
    grey, alpha = ray_caster(label, SIZE, penguin).render(pose)
    low, high = _greys(label, penguin)
    # Stretched before alpha is multiplied in: (grey / alpha - low) * alpha.
    stretched = np.clip((grey - low * alpha) / (high - low), 0, alpha)
    return 255 * stretched, alpha


@cache
def _greys(label: int, penguin: str) -> tuple[float, float]:
    """Returns the greys of an object that become black and white.

    They are of the poses with each angle at rest or at an end of its range.
    """
    caster = ray_caster(label, SIZE, penguin)
    shares = []
    steps = (-LARGEST_ANGLE, 0.0, LARGEST_ANGLE)
    for pose in itertools.product(steps, repeat=3):
        grey, alpha = caster.render(np.array(pose))
        shares.append(grey[alpha > 0] / alpha[alpha > 0])
    low, high = np.percentile(np.concatenate(shares), _PERCENTILES)
    return float(low), float(high)


def _background(rng, split, backgrounds):
    """Returns what is behind, `(64, 64)`, 0 to 255."""
    if backgrounds == PAINTED:
        painted = background(rng, SIZE, rng.uniform(-0.5, 1.5))
        return 255 * np.clip(to_grey(painted), 0, 1)
    photographs = _photographs(split, backgrounds)
    chosen = photographs[rng.integers(len(photographs))]
    picture = read_photograph(chosen.path, grey=True)
    return random_crop(rng, picture, SIZE).astype("float64")


@cache
def _photographs(split, backgrounds):
    folder = None if backgrounds == PHOTOGRAPHS else backgrounds
    return of_split(find_photographs(folder), split)


def _rendering(image, pose, alpha, clean):
    image, alpha, clean = (
        np.rint(pixels).astype("uint8")[..., None]
        for pixels in (image, 255 * alpha, clean)
    )
    return Rendering(image, pose, alpha, clean)
