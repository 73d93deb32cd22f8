"""What a cheap camera on a windscreen makes of a picture."""

import numpy as np
from PIL import Image
from PIL import ImageFilter

from zoo.training.datasets.rendering.backgrounds import fractal_noise

LUMA = np.array([0.299, 0.587, 0.114], "float32")
"""Weights of red, green and blue in a grey value, those of ITU-R BT.601."""


def expose(
    rng: np.random.Generator, picture: np.ndarray, size: int, sensor: int
) -> np.ndarray:
    """Takes a picture of few pixels, and brings it to its size.

    In this order: blur of the lens and of motion, the sensor's pixels,
    contrast, gamma, white balance, colour (one in twelve pictures has almost
    none, as some of LISA's), noise, resizing.

    Args:
        picture: What is there, `(n, n, 3)`, float32, 0 to 1.
        size: Pixels on a side of the result.
        sensor: Pixels on a side of what the sensor caught.

    Returns:
        `(size, size, 3)`, uint8.
    """
    blur = rng.uniform(0.0, 0.7) * len(picture) / min(sensor, size)
    seen = Image.fromarray((picture.clip(0, 1) * 255).astype("uint8"))
    seen = seen.filter(ImageFilter.GaussianBlur(blur))
    if rng.random() < 0.15:
        seen = _shaken(rng, seen, len(picture) / min(sensor, size))
    caught = seen.resize((sensor, sensor), Image.Resampling.BOX)
    pixels = np.asarray(caught, "float32") / 255
    pixels = 0.5 + rng.uniform(0.7, 1.1) * (pixels - 0.5) + rng.normal(0, 0.05)
    pixels = pixels.clip(0, 1) ** np.exp(rng.normal(0, 0.2))
    pixels = pixels * rng.uniform(0.95, 1.05, 3).astype("float32")
    grey = (pixels @ LUMA)[..., None]
    colour = 0.1 if rng.random() < 1 / 12 else rng.uniform(0.6, 1.1)
    pixels = grey + np.float32(colour) * (pixels - grey)
    noise = rng.standard_normal(pixels.shape, "float32")
    pixels = pixels + rng.uniform(0.0, 0.035) * noise
    taken = Image.fromarray((pixels.clip(0, 1) * 255 + 0.5).astype("uint8"))
    return np.asarray(taken.resize((size, size), Image.Resampling.BILINEAR))


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


def _shaken(rng, picture, pixel):
    """Averages a picture along a short line, up to three pixels long."""
    angle, length = rng.uniform(0, np.pi), rng.uniform(1, 3) * pixel
    total = np.zeros((picture.height, picture.width, 3), "float32")
    for share in (-0.5, -0.25, 0.0, 0.25, 0.5):
        x, y = share * length * np.array([np.cos(angle), np.sin(angle)])
        moved = picture.transform(
            picture.size,
            Image.Transform.AFFINE,
            (1, 0, x, 0, 1, y),
            Image.Resampling.BILINEAR,
        )
        total += np.asarray(moved)
    return Image.fromarray((total / 5).astype("uint8"))


def _ramp(rng, size):
    """Returns a plane through 0 in the middle, -1 to 1 in some direction."""
    angle = rng.uniform(0, 2 * np.pi)
    side = np.linspace(-1, 1, size, dtype="float32")
    return side[:, None] * np.sin(angle) + side * np.cos(angle)
