"""Light and shade on a sign."""

import numpy as np

from zoo.training.datasets.rendered_signs.textures import fractal_noise


def light(rng: np.random.Generator, size: int) -> np.ndarray:
    """Draws how brightly each pixel of a picture is lit.

    The whole is darker or brighter, more so to one side; a third of the signs
    stand partly in the shadow of a straight edge or of leaves.

    Returns:
        Factors, `(size, size, 1)`, float32.
    """
    overall = np.exp(rng.normal(-0.1, 0.25)).clip(0.45, 1.5)
    field = overall * (1 + rng.uniform(0, 0.2) * _ramp(rng, size))
    if rng.random() < 0.33:
        depth = rng.uniform(0.25, 0.6)
        sharpness = rng.uniform(4, 20)
        if rng.random() < 0.5:
            edge = _ramp(rng, size) + rng.uniform(-0.5, 0.5)
        else:
            cells = int(rng.integers(3, 7))
            edge = fractal_noise(rng, size, cells, 2) + rng.uniform(-0.3, 0.3)
        field = field * (1 - depth / (1 + np.exp(-sharpness * edge)))
    return field[..., None].astype("float32")


def glare(rng: np.random.Generator, size: int) -> np.ndarray:
    """Draws the sun's reflection, which few signs have.

    Returns:
        Brightness to add, `(size, size, 1)`, float32, 0 to 1.
    """
    if rng.random() > 0.12:
        return np.zeros((1, 1, 1), "float32")
    rows, columns = np.mgrid[:size, :size].astype("float32") / size
    centre, spread = rng.uniform(0.1, 0.9, 2), rng.uniform(0.1, 0.3)
    distance = (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2
    spot = rng.uniform(0.2, 0.6) * np.exp(-distance / (2 * spread**2))
    return spot[..., None].astype("float32")


def _ramp(rng, size):
    """Returns a plane through 0 in the middle, -1 to 1 in some direction."""
    angle = rng.uniform(0, 2 * np.pi)
    side = np.linspace(-1, 1, size, dtype="float32")
    return side[:, None] * np.sin(angle) + side * np.cos(angle)
