"""Tux as the game Extreme Tux Racer describes him.

Debian's package `extremetuxracer-data` has the file, under the GPL. It is read
from where it was installed and never ships with this package.
"""

import re
from pathlib import Path

import numpy as np

from zoo.training.datasets.rendered_objects.ellipsoid import Ellipsoid

SHAPE = Path("/usr/share/games/etr/char/tux/shape.lst")
"""Where the package installs it."""

_FIELD = re.compile(r"\[(\w+)\]([^\[#]*)")
_AXES = {"1": 0, "2": 1, "3": 2, "9": 1}
"""Which axis a step of `order` turns about."""
_ANGLES = {"1": 0, "2": 1, "3": 2, "9": 2}
"""Which number of `rot` it turns by; 9 turns about y by the third."""


def read_tux(path: Path = SHAPE) -> list[Ellipsoid]:
    """Reads the spheres that Tux is made of, upright, y up, facing z.

    A line starting with `*[node]` is a joint or a sphere below its parent
    `[par]`. Its `[order]` names, from left to right, the steps that take it
    there: 0 moves by `[trans]`, 1, 2 and 3 turn about x, y and z by the
    degrees in `[rot]`, 4 scales by `[scale]`. A node with `[vis]` shows a unit
    sphere, coloured as `[diff]` of its material `[mat]` says.

    Args:
        path: Of the game's `shape.lst`.

    Raises:
        FileNotFoundError: If the file isn't there.
        ValueError: If it has no spheres.
    """
    if not path.is_file():
        raise FileNotFoundError(
            "The penguin Tux is read from Extreme Tux Racer: install Debian's "
            f"extremetuxracer-data. Received: no file {path}"
        )
    colours, placed, spheres = {}, {"0": np.eye(4)}, []
    for line in path.read_text("utf-8").splitlines():
        if not line.startswith("*"):
            continue
        fields = {key: text.strip() for key, text in _FIELD.findall(line)}
        if "material" in fields:
            colours[fields["mat"]] = tuple(_numbers(fields["diff"]))
            continue
        matrix = placed[fields["par"]]
        for step in fields.get("order", ""):
            matrix = matrix @ _step(step, fields)
        placed[fields["node"]] = matrix
        if "vis" in fields:
            spheres.append(Ellipsoid(matrix, colours[fields["mat"]]))
    if not spheres:
        raise ValueError(
            f"The file must describe spheres. Received: {path}, without any"
        )
    return spheres


def _step(step: str, fields: dict[str, str]) -> np.ndarray:
    matrix = np.eye(4)
    if step == "0":
        matrix[:3, 3] = _numbers(fields["trans"])
    elif step == "4":
        matrix[:3, :3] = np.diag(_numbers(fields["scale"]))
    elif step in _AXES:
        angle = np.radians(_numbers(fields["rot"])[_ANGLES[step]])
        first, second = (_AXES[step] + 1) % 3, (_AXES[step] + 2) % 3
        matrix[[first, second], [first, second]] = np.cos(angle)
        matrix[first, second] = -np.sin(angle)
        matrix[second, first] = np.sin(angle)
    return matrix


def _numbers(text: str) -> list[float]:
    return [float(word) for word in text.split()]
