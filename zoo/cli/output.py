"""What a command prints: tables for people, JSON for programs; its files."""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

_WIDTH = 200
"""Of tables that are read by no terminal."""


def check_writable(path: str | os.PathLike) -> None:
    """Raises an error if a file cannot be written, before it is worked for.

    Nothing is made; folders on the way may be missing.

    Raises:
        OSError: If the path is a folder, or what is to hold it is none or
            may not be written.
    """
    if os.path.isdir(path):
        raise IsADirectoryError(
            f"What is written must be a file. Received: the folder {path}"
        )
    parents = Path(path).absolute().parents
    folder = next(p for p in parents if os.path.lexists(p))
    if not os.path.isdir(folder):
        raise NotADirectoryError(
            f"{path} cannot be written: {folder} is not a folder."
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(
            f"{path} cannot be written: {folder} may not be written."
        )


def emit(options: argparse.Namespace, data: Any, *shown: Any) -> None:
    """Prints `data` as JSON if `--json` was given, else what is `shown`.

    Ends quietly if nobody reads on, as behind `| head`.

    Args:
        data: Plain values that JSON can hold.
        shown: Text, which is printed as it is, and tables of `rich`, whose
            cells hold plain text too, no markup.

    Raises:
        ValueError: If `data` hold NaN or infinity, which JSON doesn't have.
    """
    if options.json:
        text = json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False)
        shown = (text,)
    parts = [part if isinstance(part, str) else _drawn(part) for part in shown]
    try:
        for part in parts:
            print(part)
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes again as it exits, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _drawn(table) -> str:
    from rich.console import Console

    console = Console(markup=False, emoji=False, highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _WIDTH
    with console.capture() as capture:
        console.print(table)
    return capture.get().removesuffix("\n")
