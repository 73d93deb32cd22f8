"""A folder of published files that any static host can serve."""

import dataclasses
import shutil
from pathlib import Path
from typing import Any

from zoo.atomic_write import atomic_write
from zoo.weights.manifest import GrownWeights
from zoo.weights.manifest import Weights
from zoo.weights.manifest import read_manifest
from zoo.weights.manifest import write_manifest

MANIFEST = "weights.json"
"""Name of a mirror's manifest.

It is for readers and other tools. A download compares files with the hashes of
the installed package, never with a mirror's own.
"""


def mirror_entries(folder: Path) -> dict[str, dict[str, Any]]:
    """Returns the entries of a mirror's manifest; none if it has no manifest.

    Raises:
        OSError: If the manifest cannot be read.
        ValueError: If it is no manifest.
    """
    path = folder / MANIFEST
    return read_manifest(path) if path.exists() else {}


def copy_to_mirror(folder: Path, weights: Weights, source: Path) -> None:
    """Copies a preset's files to a mirror, unless they are there.

    Args:
        folder: The mirror; made if it is not there.
        weights: The published files.
        source: The first file; the others lie beside it.

    Raises:
        OSError: If a copy is not the published file, or cannot be made.
    """
    for file in weights.files:
        path = folder / file.name
        if path.is_file() and file.matches(path):
            continue
        with atomic_write(path) as copy:
            shutil.copyfile(source.with_name(file.name), copy)
            if difference := file.difference(copy):
                raise OSError(f"The copy `{path}` is damaged: {difference}.")


def write_mirror_manifest(
    folder: Path, published: dict[str, Weights | GrownWeights]
) -> Path:
    """Notes in a mirror's manifest what it holds; other entries stay.

    Args:
        folder: The mirror.
        published: Weights by preset.

    Returns:
        The manifest.
    """
    path = folder / MANIFEST
    entries = mirror_entries(folder)
    for name, weights in published.items():
        if isinstance(weights, Weights):
            weights = dataclasses.replace(weights, uri=None)
        entries[name] = weights.to_dict()
    write_manifest(path, entries)
    return path
