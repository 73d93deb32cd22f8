"""Files that others may have made: only regular ones, and JSON within bounds.

Opening a pipe may never return, and a device may never end.
"""

import errno
import json
import os
import stat
from importlib.resources.abc import Traversable
from typing import Any

MOST_JSON = 2**23
"""Bytes of the largest JSON text that is read; parsed it takes 20 times more.

Keras' largest applications describe themselves in a sixth of it.
"""

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}
_NAMES = {dict: "an object", list: "a list"}


class IrregularFileError(OSError):
    """What is in a file's place is a folder, a pipe, a device or a socket."""

    def __init__(self, path: str | os.PathLike, kind: str):
        super().__init__(errno.EINVAL, f"it is {kind}", os.fspath(path))

    def __str__(self) -> str:
        return (
            "Only regular files are read. "
            f"Received: {self.filename}; {self.strerror}"
        )


def check_regular(path: str | os.PathLike) -> None:
    """Raises an error if what is at a path is no regular file.

    Raises:
        IrregularFileError: If it is a folder, a pipe, a device or a socket.
        OSError: If there is nothing, or it cannot be reached.
    """
    mode = stat.S_IFMT(os.stat(path).st_mode)
    if mode != stat.S_IFREG:
        raise IrregularFileError(path, _KINDS.get(mode, "something else"))


def read_json(path: Traversable, kind: type) -> Any:
    """Reads a JSON file.

    Args:
        path: File in UTF-8, with a byte-order mark or without.
        kind: `dict` or `list`, what it must hold.

    Raises:
        OSError: If there is no regular file, or it cannot be read.
        ValueError: If it is too large, no JSON, or holds another kind; the
            message names the file.
    """
    if isinstance(path, os.PathLike):
        check_regular(path)
    with path.open("rb") as file:
        content = file.read(MOST_JSON + 1)
    return parse_json(content, path, kind)


def parse_json(content: bytes, path: str | Traversable, kind: type) -> Any:
    """Returns what JSON text of a file holds; `read_json` says the rest."""
    if len(content) > MOST_JSON:
        raise ValueError(
            f"{path} must be JSON text of at most {MOST_JSON:,} bytes. "
            "Received: more"
        )
    try:
        value = json.loads(content.decode("utf-8-sig"))
    except (RecursionError, ValueError) as error:
        reason = str(error).partition(";")[0]  # Of digits: how to allow them.
        raise ValueError(
            f"{path} must be JSON text in UTF-8. Received: {reason}"
        ) from error
    if not isinstance(value, kind):
        raise ValueError(
            f"{path} must hold {_NAMES[kind]} in JSON. Received: {value!r:.100}"
        )
    return value
