"""What is behind a sign: sky, trees, buildings, grass and road."""

import numpy as np
from PIL import Image

_SKIES = (
    ((0.25, 0.45, 0.80), (0.72, 0.82, 0.92)),
    ((0.40, 0.60, 0.88), (0.85, 0.90, 0.95)),
    ((0.62, 0.65, 0.70), (0.80, 0.81, 0.83)),
    ((0.78, 0.80, 0.82), (0.92, 0.92, 0.92)),
    ((0.45, 0.52, 0.66), (0.93, 0.80, 0.66)),
)
_VERGES = (
    (0.34, 0.44, 0.20),
    (0.45, 0.50, 0.28),
    (0.58, 0.52, 0.36),
    (0.55, 0.53, 0.50),
)
_LEAVES = (
    ((0.06, 0.10, 0.04), (0.42, 0.52, 0.24)),
    ((0.08, 0.13, 0.08), (0.52, 0.60, 0.38)),
    ((0.16, 0.11, 0.05), (0.72, 0.52, 0.28)),
    ((0.15, 0.13, 0.11), (0.55, 0.51, 0.46)),
)
_SEASONS = (0.4, 0.3, 0.12, 0.18)


def background(
    rng: np.random.Generator, size: int, horizon: float
) -> np.ndarray:
    """Paints a roadside.

    Args:
        size: Pixels on a side.
        horizon: Row of the horizon, as a share of the size; below 0 or above 1
            it is out of sight.

    Returns:
        `(size, size, 3)`, float32, 0 to 1.
    """
    rows = (np.arange(size, dtype="float32") + 0.5)[:, None] / size
    picture = _sky(rng, size, rows, horizon)
    if rng.random() < 0.35:
        picture = _with_building(rng, picture, horizon)
    if rng.random() < 0.75:
        top = horizon - rng.uniform(0.05, 0.9)
        crown = top + 0.2 * smooth_noise(rng, size, (1, 6))[:1]
        crown = crown + 0.06 * fractal_noise(rng, size, 8, 3)
        picture = _blend(picture, foliage(rng, size), rows > crown)
    return _blend(picture, _ground(rng, size, rows, horizon), rows > horizon)


def _sky(rng, size, rows, horizon):
    zenith, haze = np.array(_SKIES[rng.integers(len(_SKIES))], "float32")
    height = np.clip(rows / max(horizon, 0.3), 0, 1)[..., None]
    sky = zenith + (haze - zenith) * height
    clouds = np.clip(fractal_noise(rng, size, 3) + rng.uniform(-0.6, 0.3), 0, 1)
    return sky + (0.95 - sky) * clouds[..., None]


def _with_building(rng, picture, horizon):
    """Puts a wall with rows of windows on the horizon."""
    size = len(picture)
    rows, columns = np.mgrid[:size, :size].astype("float32") / size
    left, width = rng.uniform(-0.4, 0.8), rng.uniform(0.3, 0.9)
    top = horizon - rng.uniform(0.2, 0.9)
    wall = (columns > left) & (columns < left + width) & (rows > top)
    pitch = rng.uniform(0.08, 0.25, 2)
    window = ((rows - top) % pitch[0] > 0.45 * pitch[0]) & (
        (columns - left) % pitch[1] > 0.45 * pitch[1]
    )
    tone = rng.uniform(0.25, 0.8) + rng.normal(0, 0.05, 3)
    glass = tone * rng.uniform(0.3, 0.7)
    facade = np.where(window[..., None], glass, tone).astype("float32")
    return _blend(picture, facade, wall)


def _ground(rng, size, rows, horizon):
    """Grass or earth at the side, and perhaps a road that vanishes far off."""
    verge = np.array(_VERGES[rng.integers(len(_VERGES))], "float32")
    grain = fractal_noise(rng, size, 12, 4, 0.9)[..., None]
    ground = verge * (1 + 0.25 * grain)
    if rng.random() < 0.7:
        depth = np.clip(rows - horizon, 0, None)
        columns = (np.arange(size, dtype="float32") + 0.5)[None] / size
        vanishing = rng.uniform(-0.3, 0.8)
        left, right = rng.uniform(-2.5, -0.6), rng.uniform(0.1, 0.9)
        across = columns - vanishing
        asphalt = rng.uniform(0.25, 0.5) * (1 + 0.12 * grain)
        on_road = (across > left * depth) & (across < right * depth)
        ground = _blend(ground, asphalt, on_road)
        line = np.abs(across - (right - 0.06) * depth) < 0.025 * depth
        ground = _blend(ground, np.float32(0.8), line)
    return ground


def _blend(under, over, mask):
    return np.where(mask[..., None], over, under).astype("float32")


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
