"""What a command prints: tables for people, JSON for programs; its files."""

import argparse
import json
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

_WIDTH = 200
"""Of tables that are read by no terminal."""

_TURNING = "\u200e\u200f\u2028-\u202e\u2066-\u2069"
"""Line ends of Unicode, and marks that turn the direction of text."""

_CONTROLS = re.compile(f"[\x00-\x1f\x7f-\x9f\ud800-\udfff{_TURNING}]")
_UNPRINTABLE = re.compile(f"[\x7f-\x9f{_TURNING}]")
"""What JSON leaves as it is."""


def check_writable(path: str | os.PathLike) -> None:
    """Raises an error if a file cannot be written, before it is worked for.

    Nothing is left; folders on the way may be missing.

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
            "A file must be written into a folder. "
            f"Received: {path}, but {folder} is not a folder"
        )
    if not _takes_files(folder):
        raise PermissionError(
            "A file must be written into a folder that may be written. "
            f"Received: {path}, but {folder} may not be written"
        )


def check_png(path: Path) -> None:
    """Raises an error if a picture cannot be written to --output.

    Raises:
        OSError: As `check_writable` does.
        ValueError: If it isn't named as a PNG file.
    """
    if path.suffix.lower() != ".png":
        raise ValueError(f"--output must end in .png. Received: {path}")
    check_writable(path)


def emit(options: argparse.Namespace, data: Any, *shown: Any) -> None:
    """Prints `data` as JSON if `--json` was given, else what is `shown`.

    Ends quietly if nobody reads on, as behind `| head`.

    Args:
        data: Plain values that JSON can hold.
        shown: Lines of text, and tables of `rich`, whose cells hold plain
            text too, no markup. What would move a terminal's cursor or
            colour it is escaped.

    Raises:
        ValueError: If `data` hold NaN or infinity, which JSON doesn't have.
    """
    if options.json:
        text = json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False)
        blocks = [_UNPRINTABLE.sub(_json_escape, text)]
    else:
        blocks = [
            printable(block) if isinstance(block, str) else _drawn(block)
            for block in shown
        ]
    try:
        for block in blocks:
            print(block)
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes again as it exits, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def printable(text: str) -> str:
    """Escapes what a terminal would obey rather than show, line ends too."""
    return _CONTROLS.sub(
        lambda found: found[0].encode("unicode_escape").decode(), text
    )


def _json_escape(found: re.Match) -> str:
    return f"\\u{ord(found[0]):04x}"


def _drawn(table) -> str:
    from rich.console import Console

    class Plain(Console):
        """Shows all text as it is, but for line ends."""

        def render_str(self, text, **options):
            lines = "\n".join(map(printable, text.split("\n")))
            return super().render_str(lines, **options)

    console = Plain(markup=False, emoji=False, highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _WIDTH
    with console.capture() as capture:
        console.print(table)
    return capture.get().removesuffix("\n")


def _takes_files(folder: Path) -> bool:
    """Returns whether a file may be made, which its mode alone doesn't say."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return os.access(folder, os.W_OK | os.X_OK)
    except OSError:
        return False
