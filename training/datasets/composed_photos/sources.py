"""Where the photographs are installed, and which of them a split has."""

import functools
from collections.abc import Sequence
from pathlib import Path

from zoo.training.datasets.composed_photos.stamps import STAMPS
from zoo.training.datasets.composed_photos.stamps import kind_stamps
from zoo.training.datasets.composed_photos.stamps import missing_stamps
from zoo.training.datasets.composed_photos.stamps import object_stamps
from zoo.training.datasets.rendering.photographs import DEBIAN
from zoo.training.datasets.rendering.photographs import find_photographs
from zoo.training.datasets.rendering.photographs import missing_sources
from zoo.training.datasets.rendering.photographs import of_split

BACKGROUNDS = (*DEBIAN, "foolbox")
"""Packages of the backgrounds; all photographs must be there."""

LICENCES = {
    "tuxpaint-stamps-default": "GPL-2",
    "mate-backgrounds": "GPL-2+",
    "plasma-workspace-wallpapers": "GPL-2+",
    "lomiri-wallpapers-20.04": "CC BY-SA 3.0",
}
"""Of the photographs that are taken from each of Debian's packages."""


@functools.lru_cache(maxsize=32)
def find_stamps(
    split: str, *, kinds: bool, folder: Path = STAMPS
) -> dict[str, list[Path]]:
    """Returns the stamps of each class in one split.

    Args:
        split: `"train"`, `"validation"` or `"test"`.
        kinds: Whether the classes are kinds, rather than single objects.
        folder: Of Tux Paint's stamps.
    """
    return kind_stamps(split, folder) if kinds else object_stamps(folder)


@functools.lru_cache(maxsize=32)
def find_backgrounds(split: str, folder: Path | None = None) -> Sequence[Path]:
    """Returns the photographs of one split that stamps are laid over.

    Args:
        split: `"train"`, `"validation"` or `"test"`.
        folder: Of the user's photographs, at any depth; `None` for those of
            `BACKGROUNDS`.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If it has fewer than three photographs.
    """
    found = find_photographs(folder, sources=BACKGROUNDS)
    return [photograph.path for photograph in of_split(found, split)]


def check_installed(
    stamps: Path = STAMPS, backgrounds: Path | None = None
) -> None:
    """Raises an error if photographs are not there.

    Args:
        stamps: Folder of Tux Paint's stamps.
        backgrounds: Folder of the user's photographs, if there is one.

    Raises:
        FileNotFoundError: Names the command that installs what is missing.
    """
    missing = ["tuxpaint-stamps-default"] if missing_stamps(stamps) else []
    if backgrounds is None:
        missing += missing_sources(BACKGROUNDS)
    if not missing:
        return
    debian = [package for package in missing if package in LICENCES]
    commands = [f"apt-get install {' '.join(debian)}"] if debian else []
    if "foolbox" in missing:
        commands.append("pip install foolbox")
    raise FileNotFoundError(
        "composed_photos is composed of installed photographs. On Debian and "
        f"Ubuntu: {' && '.join(commands)}. "
        f"Received: not all photographs of {', '.join(missing)}"
    )
