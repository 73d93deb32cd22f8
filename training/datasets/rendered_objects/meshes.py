"""The meshes of the three classes, from files and from ellipsoids.

    python -m zoo.training.datasets.rendered_objects.meshes \\
        monkey.obj airplane.ply training/datasets/files

packs those that ship with this package, `files/README.md` says from where.
"""

import argparse
import importlib.resources
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from zoo.presets import rendered_objects
from zoo.training.datasets.rendered_objects.ellipsoid import Ellipsoid
from zoo.training.datasets.rendered_objects.ellipsoid import (
    penguin as own_penguin,
)
from zoo.training.datasets.rendered_objects.tux import read_tux
from zoo.training.datasets.rendering.photographs import to_grey

if TYPE_CHECKING:
    import trimesh

CLASSES = rendered_objects.CLASSES
"""Names of the labels; the last is a background alone."""

PENGUINS = ("ellipsoids", "tux")

_SMOOTH = np.radians(40)
"""Edges less sharp than this are shaded round."""

_GREY = 0.8
"""Reflectance of what has no colours of its own."""

_VIEW_OF_AEROPLANE = ((180, (0, 0, 1)), (-25, (1, 0, 0)), (20, (0, 1, 0)))
"""Degrees, and the axes that they turn about, from its top view."""


@dataclass(frozen=True, eq=False)
class Body:
    """A mesh as the camera meets it, before it is turned.

    The camera looks down the z axis, x to the right and y up.

    Attributes:
        mesh: Around the origin, about which it is turned.
        reflectance: Grey of each face, `(faces,)`, 0 to 1.
        camera: Where the camera is.
    """

    mesh: "trimesh.Trimesh"
    reflectance: np.ndarray
    camera: tuple[float, float, float]


@cache
def body(label: int, penguin: str = "ellipsoids") -> Body:
    """Returns the mesh of a class.

    Cameras are where the reference has them, at (0, 0, 3) before the monkey
    and at (0, -0.2, 2.5) before the penguin; its aeroplane's isn't known.

    Args:
        label: An index of `CLASSES`, but for the last.
        penguin: "ellipsoids", made up here, or "tux", which
            `extremetuxracer-data` describes.

    Raises:
        FileNotFoundError: If Tux is asked for and not installed.
        ImportError: If trimesh or embreex is not installed.
        ValueError: If there is no such penguin.
    """
    if penguin not in PENGUINS:
        raise ValueError(
            f"The penguins are {', '.join(PENGUINS)}. "
            f"Received: penguin={penguin!r}"
        )
    name = CLASSES[label]
    if name == "monkey":
        return _body([_packed("suzanne")], [_GREY], 2.4, (0.0, 0.0, 3.0))
    if name == "aeroplane":
        return _body([_aeroplane()], [_GREY], 2.35, (0.0, 0.0, 3.0))
    ellipsoids = read_tux() if penguin == "tux" else own_penguin()
    greys = [float(to_grey(np.array(shape.colour))) for shape in ellipsoids]
    return _body(_balls(ellipsoids), greys, 1.75, (0.0, -0.2, 2.5))


def import_trimesh() -> ModuleType:
    """Returns trimesh, where embreex is there too.

    Raises:
        ImportError: If one of them is not installed. Without embreex, trimesh
            would cast rays by itself, far more slowly.
    """
    try:
        import embreex  # noqa: F401
        import trimesh
    except ImportError as error:
        raise ImportError(
            "Objects are rendered by trimesh and embreex: pip install "
            '"defense-zoo[render]", or ".[render]" in a clone.'
        ) from error
    return trimesh


def _body(
    parts: list["trimesh.Trimesh"],
    greys: list[float],
    longest: float,
    camera: tuple[float, float, float],
) -> Body:
    """Joins meshes to one before the camera.

    Args:
        greys: Reflectance of each mesh.
        longest: Length of the longest side of the box around them.
    """
    trimesh = import_trimesh()
    smoothed = [trimesh.graph.smooth_shade(part, _SMOOTH) for part in parts]
    mesh = trimesh.util.concatenate(smoothed)
    mesh.apply_translation(-mesh.bounds.mean(0))
    mesh.apply_scale(longest / mesh.extents.max())
    mesh.apply_translation([camera[0], camera[1], 0.0])
    faces = [len(part.faces) for part in smoothed]
    return Body(mesh, np.repeat(greys, faces), camera)


def _packed(name: str) -> "trimesh.Trimesh":
    """Reads a mesh that ships with this package."""
    trimesh = import_trimesh()
    files = importlib.resources.files("zoo.training.datasets") / "files"
    with (files / f"{name}.npz").open("rb") as file, np.load(file) as arrays:
        vertices = arrays["vertices"].astype("float64")
        return trimesh.Trimesh(vertices, arrays["faces"])


def _aeroplane() -> "trimesh.Trimesh":
    """Turns the aeroplane to be seen from above, behind and its right."""
    turn = import_trimesh().transformations.rotation_matrix
    mesh = _packed("airplane")
    for degrees, axis in _VIEW_OF_AEROPLANE:
        mesh.apply_transform(turn(np.radians(degrees), axis))
    return mesh


def _balls(ellipsoids: list[Ellipsoid]) -> list["trimesh.Trimesh"]:
    trimesh = import_trimesh()
    ball = trimesh.creation.icosphere(subdivisions=3)
    return [ball.copy().apply_transform(shape.matrix) for shape in ellipsoids]


def pack(source: Path, name: str, folder: Path) -> Path:
    """Writes the triangles of a mesh file as arrays, a third of its size.

    Args:
        source: Of any format that trimesh reads.
        name: Of the new file, without `.npz`.
        folder: Where it goes.
    """
    trimesh = import_trimesh()
    mesh = trimesh.load_mesh(source, process=True)
    path = folder / f"{name}.npz"
    np.savez_compressed(
        path,
        vertices=mesh.vertices.astype("float32"),
        faces=mesh.faces.astype("uint16"),
    )
    return path


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("monkey", type=Path, help="Suzanne's file")
    parser.add_argument("aeroplane", type=Path, help="the aeroplane's file")
    parser.add_argument("folder", type=Path, help="where the arrays go")
    options = parser.parse_args(arguments)
    pack(options.monkey, "suzanne", options.folder)
    pack(options.aeroplane, "airplane", options.folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
