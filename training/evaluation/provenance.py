"""What a measurement ran on."""

import pathlib
import platform
import subprocess

import keras
import numpy as np
import tensorflow as tf

from zoo.version import __version__


def versions() -> dict[str, str]:
    """Returns the versions of this package and of what it computes with."""
    return {
        "package": __version__,
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
    }


def commit() -> str | None:
    """Returns the Git commit of this package's sources.

    Ends in `-dirty` if tracked files outside `docs` were changed since: one
    measurement after another changes the results there. `None` if the sources
    are not in a Git repository of their own.
    """
    source = pathlib.Path(__file__).resolve()
    # A file installed inside somebody else's repository is not tracked there.
    if _git(source.parent, "ls-files", "--error-unmatch", source.name) is None:
        return None
    head = _git(source.parent, "rev-parse", "HEAD")
    changed = _git(
        source.parent,
        "diff",
        "--name-only",
        "HEAD",
        "--",
        ":(top)",
        ":(top,exclude)docs",
    )
    if head is None:  # Nothing is committed yet.
        return None
    return head if changed == "" else f"{head}-dirty"


def _git(directory, *arguments):
    try:
        finished = subprocess.run(
            ("git", *arguments),
            cwd=directory,
            capture_output=True,
            text=True,
            timeout=30,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return finished.stdout.strip() if finished.returncode == 0 else None
