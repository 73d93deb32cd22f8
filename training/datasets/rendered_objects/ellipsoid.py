"""Ellipsoids, which both penguins are made of, and the penguin of our own."""

from dataclasses import dataclass

import numpy as np

_BLACK = (0.10, 0.10, 0.11)
_WHITE = (0.80, 0.80, 0.78)
_ORANGE = (0.70, 0.42, 0.08)


@dataclass(frozen=True, eq=False)
class Ellipsoid:
    """A unit sphere under a map.

    Attributes:
        matrix: The map, affine, 4x4, float64.
        colour: Red, green and blue, 0 to 1.
    """

    matrix: np.ndarray
    colour: tuple[float, float, float]

    @classmethod
    def at(
        cls,
        centre: tuple[float, float, float],
        radii: tuple[float, float, float],
        colour: tuple[float, float, float],
        turn: float = 0.0,
    ) -> "Ellipsoid":
        """Returns an ellipsoid of these half-axes along x, y and z.

        Args:
            turn: Degrees that it is then turned about z, from x to y.
        """
        cos, sin = np.cos(np.radians(turn)), np.sin(np.radians(turn))
        matrix = np.eye(4)
        matrix[:2, :2] = [[cos, -sin], [sin, cos]]
        matrix[:3, :3] *= radii
        matrix[:3, 3] = centre
        return cls(matrix, colour)


def penguin() -> list[Ellipsoid]:
    """Returns a penguin that stands upright, y up, and looks along z."""
    middle = [
        ((0.00, -0.10, 0.00), (0.56, 0.70, 0.48), _BLACK),  # Body.
        ((0.00, -0.16, 0.14), (0.46, 0.62, 0.40), _WHITE),  # Belly.
        ((0.00, 0.70, 0.02), (0.36, 0.36, 0.35), _BLACK),  # Head.
        ((0.00, 0.55, 0.40), (0.17, 0.07, 0.22), _ORANGE),  # Beak.
        ((0.00, -0.66, -0.44), (0.22, 0.10, 0.24), _BLACK),  # Tail.
    ]
    left = [
        ((-0.14, 0.64, 0.21), (0.15, 0.19, 0.15), _WHITE, 0.0),  # Cheek.
        ((-0.13, 0.73, 0.34), (0.05, 0.07, 0.04), _BLACK, 0.0),  # Eye.
        ((-0.66, 0.02, 0.02), (0.12, 0.46, 0.20), _BLACK, -28.0),  # Wing.
        ((-0.28, -0.82, 0.26), (0.24, 0.10, 0.34), _ORANGE, 0.0),  # Foot.
    ]
    right = [
        ((-x, y, z), radii, colour, -turn)
        for (x, y, z), radii, colour, turn in left
    ]
    return [Ellipsoid.at(*shape) for shape in (*middle, *left, *right)]
