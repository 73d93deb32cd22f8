"""What hangs or stands in front of a sign."""

import numpy as np
from PIL import Image
from PIL import ImageDraw

from zoo.training.datasets.rendered_signs.textures import foliage
from zoo.training.datasets.rendered_signs.textures import fractal_noise

OCCLUDED = 0.2
"""Share of the signs with something in front of them."""


def occlude(
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
