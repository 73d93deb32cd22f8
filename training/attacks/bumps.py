"""What the Square attack adds in L2."""

import numpy as np


def bumps(side: int) -> np.ndarray:
    """Returns two bumps of opposite sign, one above the other, of norm 1.

    Each decays from the middle of its half in square rings.

    Args:
        side: Of the square that they fill, in pixels.

    Reference: [Andriushchenko et al., 2020](https://arxiv.org/abs/1912.00049),
    equation 2.
    """
    above = _bump(side // 2, side)
    below = _bump(side - side // 2, side)
    both = np.concatenate([above, -below])
    return (both / np.linalg.norm(both)).astype("float32")


def _bump(height, width):
    """Returns `sum(1 / k**2)` for k from a pixel's ring to the last ring."""
    rows = np.abs(np.arange(height) - height // 2)
    columns = np.abs(np.arange(width) - width // 2)
    rings = np.maximum(rows[:, None], columns)
    values = 1 / np.arange(1, width // 2 + 2) ** 2
    bump = np.cumsum(values[::-1])[::-1][rings]
    return bump / max(np.linalg.norm(bump), 1e-12)
