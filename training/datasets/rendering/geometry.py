"""Outlines of signs and the curves on them, as points.

Points are `(n, 2)` arrays of x to the right and y downwards, in the sign's
plane: the unit square around the sign seen from the front.
"""

import numpy as np

Points = np.ndarray

_ARC_POINTS = 12


def regular_polygon(sides: int, radius: float, turn: float) -> Points:
    """Returns a regular polygon around (0.5, 0.5).

    Args:
        radius: Of the circle through its corners.
        turn: Direction of the first corner, in degrees clockwise from right.
    """
    angles = np.radians(turn + 360 / sides * np.arange(sides))
    return 0.5 + radius * np.stack([np.cos(angles), np.sin(angles)], 1)


def rectangle(left: float, top: float, right: float, bottom: float) -> Points:
    """Returns a rectangle's corners, clockwise from the upper left."""
    return np.array(
        [[left, top], [right, top], [right, bottom], [left, bottom]]
    )


def inset(corners: Points, distance: float) -> Points:
    """Moves the edges of a convex polygon inwards.

    Args:
        corners: Clockwise, as seen with y downwards.
        distance: Between the old and the new edges.
    """
    edges = np.roll(corners, -1, 0) - corners
    edges = edges / np.linalg.norm(edges, axis=1, keepdims=True)
    normals = np.stack([-edges[:, 1], edges[:, 0]], 1)
    offsets = (normals * corners).sum(1) + distance
    previous = np.roll(normals, 1, 0), np.roll(offsets, 1)
    return np.linalg.solve(
        np.stack([previous[0], normals], 1),
        np.stack([previous[1], offsets], 1)[..., None],
    )[..., 0]


def rounded(corners: Points, radius: float) -> Points:
    """Rounds the corners of a convex polygon.

    Args:
        corners: Clockwise, as seen with y downwards.
        radius: Of the corners' arcs; 0 leaves the corners.
    """
    if radius <= 0:
        return corners
    arcs = []
    centres = inset(corners, radius)
    for corner, before, after, centre in zip(
        corners,
        np.roll(corners, 1, 0),
        np.roll(corners, -1, 0),
        centres,
        strict=True,
    ):
        start, end = (
            _foot(centre, corner, other) - centre for other in (before, after)
        )
        first, last = np.arctan2(start[1], start[0]), np.arctan2(end[1], end[0])
        angles = np.linspace(
            first, first + (last - first) % (2 * np.pi), _ARC_POINTS
        )
        arcs.append(
            centre + radius * np.stack([np.cos(angles), np.sin(angles)], 1)
        )
    return np.concatenate(arcs)


def bezier(*controls: tuple[float, float]) -> Points:
    """Returns points of the Bezier curve with the given control points."""
    points = np.asarray(controls, float)
    share = np.linspace(0, 1, 3 * _ARC_POINTS)[:, None, None]
    points = np.broadcast_to(points, (len(share), *points.shape))
    while points.shape[1] > 1:
        points = (1 - share) * points[:, :-1] + share * points[:, 1:]
    return points[:, 0]


def path(*parts: Points | tuple[float, float]) -> Points:
    """Joins points and curves to one line."""
    return np.concatenate([np.atleast_2d(np.asarray(p, float)) for p in parts])


def transform(homography: np.ndarray, points: Points) -> Points:
    """Maps points by a 3x3 homography."""
    mapped = np.c_[points, np.ones(len(points))] @ homography.T
    return mapped[:, :2] / mapped[:, 2:]


def _foot(point, line_start, line_end):
    """Returns where the perpendicular from a point meets a line."""
    along = line_end - line_start
    share = (point - line_start) @ along / (along @ along)
    return line_start + share * along
