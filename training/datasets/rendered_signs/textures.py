"""Noise that looks like something that grew."""

import numpy as np
from PIL import Image


def smooth_noise(
    rng: np.random.Generator, size: int, cells: tuple[int, int] | int
) -> np.ndarray:
    """Returns noise of one scale, `(size, size)`, about -1 to 1.

    Args:
        cells: Random values down and across, or on both sides.
    """
    rows, columns = (cells, cells) if isinstance(cells, int) else cells
    grid = rng.uniform(-1, 1, (rows, columns)).astype("float32")
    return stretched(grid, size)


def fractal_noise(
    rng: np.random.Generator,
    size: int,
    cells: int,
    octaves: int = 4,
    roughness: float = 0.5,
) -> np.ndarray:
    """Returns noise of several scales, each of half the last one's size.

    Args:
        cells: Random values on a side of the coarsest.
        roughness: Weight of a scale, as a share of the last one's.

    Returns:
        `(size, size)`, about -1 to 1.
    """
    total = np.zeros((size, size), "float32")
    for octave in range(octaves):
        side = min(cells << octave, size)
        total += smooth_noise(rng, size, side) * roughness**octave
    weights = roughness ** np.arange(octaves)
    return total / np.float32(1.25 * np.linalg.norm(weights))


def stretched(grid: np.ndarray, size: int) -> np.ndarray:
    """Interpolates a grid of float32 values to `(size, size)`."""
    picture = Image.fromarray(grid).resize(
        (size, size), Image.Resampling.BICUBIC
    )
    return np.asarray(picture)


def foliage(rng: np.random.Generator, size: int) -> np.ndarray:
    """Returns leaves in light and shade, `(size, size, 3)`, 0 to 1."""
    hue = rng.choice(len(_LEAVES), p=_SEASONS)
    dark, light = np.array(_LEAVES[hue], "float32") + rng.normal(0, 0.03, 3)
    share = fractal_noise(rng, size, int(rng.integers(5, 14)), 5, 0.8)
    share = np.clip(0.5 + 0.75 * share, 0, 1)[..., None] ** 1.3
    return (dark + (light - dark) * share).astype("float32")


_LEAVES = (
    ((0.06, 0.10, 0.04), (0.42, 0.52, 0.24)),
    ((0.08, 0.13, 0.08), (0.52, 0.60, 0.38)),
    ((0.16, 0.11, 0.05), (0.72, 0.52, 0.28)),
    ((0.15, 0.13, 0.11), (0.55, 0.51, 0.46)),
)
_SEASONS = (0.4, 0.3, 0.12, 0.18)
