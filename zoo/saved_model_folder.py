"""What the files of a SavedModel say, without loading it."""

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path

from zoo.class_names import as_class_names
from zoo.regular_files import check_regular
from zoo.regular_files import read_json

CLASSES_FILE = "assets.extra/classes.json"
_GRAPH_FILES = ("saved_model.pb", "saved_model.cpb", "saved_model.pbtxt")
_MOST_GRAPH = 2**31 - 1
"""Bytes of the largest protocol buffer."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,59}")


def check_served_name(name: str) -> None:
    """Refuses a model's name that a URL or a file would have to quote.

    Raises:
        ValueError: If it has other than letters, digits, `.`, `_` and `-`,
            begins with none of the first two, or has more than 60.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(
            "The folder of a served model names it, so it must be 1 to 60 "
            "letters, digits, dots, dashes and underscores, and begin with a "
            f"letter or digit. Received: {name!r}"
        )


def newest_version(path: str | os.PathLike) -> Path:
    """Returns the folder of a SavedModel, or of its highest version.

    Args:
        path: Folder with a `saved_model.pb`, or with numbered versions of it.

    Raises:
        FileNotFoundError: If there is no SavedModel.
    """
    path = Path(path)
    if _is_saved_model(path):
        return path
    versions = [
        version
        for version in (path.iterdir() if path.is_dir() else ())
        if version.name.isdecimal() and _is_saved_model(version)
    ]
    if not versions:
        raise FileNotFoundError(
            f"There is no SavedModel in {path}: neither saved_model.pb nor "
            "VERSION/saved_model.pb"
        )
    return max(versions, key=lambda version: int(version.name))


def check_files(directory: str | os.PathLike) -> None:
    """Raises an error if a SavedModel has files that cannot be read to the end.

    Raises:
        IrregularFileError: If one is a pipe, a device or a socket.
        OSError: If one is a link to nowhere.
        ValueError: If the graph is too large for TensorFlow.
    """
    for name in (*_GRAPH_FILES, "variables", "assets"):
        path = Path(directory, name)
        for file in path.iterdir() if path.is_dir() else (path,):
            if file.is_dir() or not os.path.lexists(file):
                continue
            check_regular(file)
            size = file.stat().st_size
            if name in _GRAPH_FILES and size > _MOST_GRAPH:
                raise ValueError(
                    f"A SavedModel's graph has at most {_MOST_GRAPH:,} bytes. "
                    f"Received: {file} of {size:,}"
                )


def write_classes(directory: str | os.PathLike, classes: Sequence[str]) -> None:
    """Writes the names of the classes beside a SavedModel's graph.

    Raises:
        OSError: If the file cannot be written.
        ValueError: If they are no names, as `as_class_names` says.
    """
    path = Path(directory, CLASSES_FILE)
    path.parent.mkdir(exist_ok=True)
    names = as_class_names(classes)
    text = json.dumps(names, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def read_classes(directory: str | os.PathLike) -> tuple[str, ...]:
    """Returns what `write_classes` wrote; nothing if it never did.

    Raises:
        ValueError: If the file holds no list of names, or one of them has a
            control character.
    """
    path = Path(directory, CLASSES_FILE)
    if not path.exists():
        return ()
    names = read_json(path, list)
    if not all(isinstance(name, str) for name in names):
        raise ValueError(
            f"{path} must hold a list of names. Received: {names!r:.200}"
        )
    try:
        return as_class_names(names)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _is_saved_model(path: Path) -> bool:
    return any((path / name).is_file() for name in _GRAPH_FILES)
