"""Checks the published files that are on this machine."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from zoo.weights.folders import cache_folder
from zoo.weights.folders import packaged_folder
from zoo.weights.manifest import WeightFile


@dataclass(frozen=True)
class Verification:
    """What a check of published weights found.

    Args:
        path: The file; `None` for weights that are grown from another file.
        preset: Name of a preset that loads it.
        problem: What is wrong; `None` if it is exactly what was published.
    """

    path: Path | None
    preset: str
    problem: str | None


def verify_files(
    preset: str, files: Iterable[WeightFile]
) -> list[Verification]:
    """Compares files with their hashes, in the package and in the cache.

    A file that is in neither place has not been downloaded yet, which is no
    problem, so it is left out.

    Args:
        preset: Name of the preset that they are of.
        files: Its published files.

    Raises:
        OSError: If a file cannot be read.
    """
    folders = (packaged_folder(), cache_folder())
    return [
        Verification(path, preset, file.difference(path))
        for file in files
        for path in (folder / file.name for folder in folders)
        if path.is_file()
    ]
