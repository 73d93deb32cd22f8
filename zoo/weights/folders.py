"""Where weight files are kept: in the package, and in the cache."""

import importlib.resources
import os
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.weights.manifest import SUFFIXES

if TYPE_CHECKING:
    import filelock

PART = ".part"
"""Suffix of a file that is not yet downloaded whole."""


def packaged_folder() -> Path:
    """Returns the folder of the weights that ship in the package."""
    return Path(str(importlib.resources.files("zoo.weights") / "files"))


def cache_folder() -> Path:
    """Returns the folder of downloaded weights, which may not exist yet.

    Environment:
        ZOO_HOME: Folder of the cache. Default: `zoo` in Keras' folder.
    """
    keras_home = os.environ.get("KERAS_HOME") or Path.home() / ".keras"
    home = os.environ.get("ZOO_HOME") or Path(keras_home) / "zoo"
    return Path(home).expanduser() / "weights"


def cached_files() -> list[Path]:
    """Returns the cache's weight files, and the parts of unfinished ones.

    Files of earlier versions of the package are among them.
    """
    folder = cache_folder()
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    return [
        path
        for path in found
        if path.name.removesuffix(PART).endswith(SUFFIXES) and path.is_file()
    ]


def clear_cache() -> list[Path]:
    """Removes the cache's weight files, and the parts of unfinished ones.

    Files that a process is downloading stay, and so do the empty `.lock`
    files: a process may wait for one.

    Returns:
        What was removed.

    Raises:
        OSError: If a file cannot be removed.
    """
    import filelock

    removed = []
    for path in cached_files():
        try:
            with lock(path.with_name(path.name.removesuffix(PART)), wait=False):
                path.unlink(missing_ok=True)
        except filelock.Timeout:
            continue
        removed.append(path)
    return removed


def lock(path: Path, *, wait: bool = True) -> "filelock.BaseFileLock":
    """Returns the lock of a file in the cache, a context manager.

    Args:
        path: The file.
        wait: Whether entering it waits until it is free; if not, it raises
            `filelock.Timeout`.
    """
    import filelock

    timeout = -1 if wait else 0
    return filelock.FileLock(path.with_name(f"{path.name}.lock"), timeout)
