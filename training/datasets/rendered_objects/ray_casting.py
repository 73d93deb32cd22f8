"""Pictures of a mesh, one ray at a time.

The camera is turned about the mesh, not the mesh before the camera, so the
tree of the mesh's triangles is built once.
"""

from functools import cache

import numpy as np

from zoo.training.datasets.rendered_objects.meshes import Body
from zoo.training.datasets.rendered_objects.meshes import body

OVERSAMPLING = 2
"""Rays through one pixel, on each side."""

_FIELD = 16 / 35
"""Half of a picture's width, at distance 1: Blender's lens and sensor."""

_LAMP = np.array([0.45, 0.55, 0.70])
_FILL = np.array([-0.60, -0.10, 0.80])
_LAMPS = np.stack([v / np.linalg.norm(v) for v in (_LAMP, _FILL)], 1)
"""Directions that light comes from, as the camera sees them, `(3, 2)`."""
_BRIGHTNESS = np.array([0.75, 0.15])
_AMBIENT = 0.10


def rotation(pose: np.ndarray) -> np.ndarray:
    """Returns the matrix of Blender's Euler angles in the order "ZXY".

    It turns about z first, then x, then y, all three axes at rest.

    Args:
        pose: Angles about x, y and z, in radians.
    """
    x, y, z = pose
    return _turn(1, y) @ _turn(0, x) @ _turn(2, z)


class RayCaster:
    """Draws one mesh from any side.

    Args:
        body: The mesh and where the camera is before it is turned.
        size: Pixels on a side of a picture.
    """

    def __init__(self, body: Body, size: int):
        self.size = size
        self._camera = np.array(body.camera)
        mesh = body.mesh
        self._first_hits = mesh.ray.intersects_first
        corners = mesh.triangles.astype("float64")
        self._origins = corners[:, 0]
        self._edges = corners[:, 1:] - corners[:, :1]
        self._normals = mesh.vertex_normals[mesh.faces]
        self._reflectance = body.reflectance
        self._hull = np.asarray(mesh.convex_hull.vertices)
        side = size * OVERSAMPLING
        self._grid = ((np.arange(side) + 0.5) / side * 2 - 1) * _FIELD

    def render(self, pose: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Draws the mesh, turned by Euler angles, before nothing.

        Args:
            pose: As `rotation` takes it.

        Returns:
            Grey, already multiplied by alpha, and alpha, both
            `(size, size)`, float64, 0 to 1.
        """
        turned = rotation(pose)
        rows, columns = self._box(turned)
        x, y = np.meshgrid(self._grid[columns], -self._grid[rows])
        rays = np.stack([x, y, -np.ones_like(x)], -1).reshape(-1, 3)
        # A mesh turned by a matrix, seen from a camera at rest, is the mesh
        # at rest seen from a camera turned by its inverse.
        directions = rays @ turned
        origin = self._camera @ turned
        origins = np.broadcast_to(origin, directions.shape)
        faces = self._first_hits(origins, directions)
        hit = np.flatnonzero(faces >= 0)
        grey = np.zeros(len(faces))
        grey[hit] = self._shade(faces[hit], origin, directions[hit], turned)
        side = len(self._grid)
        samples = np.zeros((2, side, side))
        samples[0, rows, columns] = grey.reshape(x.shape)
        samples[1, rows, columns] = (faces >= 0).reshape(x.shape)
        return tuple(
            samples.reshape(
                2, self.size, OVERSAMPLING, self.size, OVERSAMPLING
            ).mean((2, 4))
        )

    def _box(self, turned):
        """Returns the rows and columns that the mesh may be seen in."""
        seen = self._hull @ turned.T - self._camera
        across = seen[:, :2] / -seen[:, 2:]
        side = len(self._grid)
        low, high = across.min(0), across.max(0)
        left, right = np.clip(
            (np.array([low[0], high[0]]) / _FIELD + 1) / 2 * side, 0, side
        )
        top, bottom = np.clip(
            (1 - np.array([high[1], low[1]]) / _FIELD) / 2 * side, 0, side
        )
        return (
            slice(int(top), int(np.ceil(bottom))),
            slice(int(left), int(np.ceil(right))),
        )

    def _shade(self, faces, origin, directions, turned):
        """Returns how much light each hit sends to the camera."""
        shares = self._shares(faces, origin, directions)
        normals = np.einsum("nc,ncd->nd", shares, self._normals[faces])
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        # Some meshes are inside out in parts: both sides are lit.
        away = np.einsum("nd,nd->n", normals, directions) > 0
        normals[away] *= -1
        lit = np.clip(normals @ (turned.T @ _LAMPS), 0, None) @ _BRIGHTNESS
        return self._reflectance[faces] * (_AMBIENT + lit)

    def _shares(self, faces, origin, directions):
        """Returns how near each hit is to its triangle's three corners.

        Embree's own are of single precision, which differ from processor to
        processor.
        """
        first, second = self._edges[faces, 0], self._edges[faces, 1]
        across = np.cross(directions, second)
        scale = np.einsum("nd,nd->n", across, first)
        scale = np.where(scale == 0, 1, scale)
        offset = origin - self._origins[faces]
        u = np.einsum("nd,nd->n", across, offset) / scale
        v = np.einsum("nd,nd->n", np.cross(offset, first), directions) / scale
        return np.clip(np.stack([1 - u - v, u, v], 1), 0, 1)


@cache
def ray_caster(label: int, size: int, penguin: str) -> RayCaster:
    """Returns the ray caster of a class, built once in a process."""
    return RayCaster(body(label, penguin), size)


def _turn(axis, angle):
    matrix = np.eye(3)
    first, second = (axis + 1) % 3, (axis + 2) % 3
    matrix[[first, second], [first, second]] = np.cos(angle)
    matrix[first, second] = -np.sin(angle)
    matrix[second, first] = np.sin(angle)
    return matrix
