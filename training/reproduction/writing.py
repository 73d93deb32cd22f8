"""Parts of a paper as files and as one page."""

import os
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path

from zoo.replacing import replacing
from zoo.training.reproduction.part import Part

PAGE = "README.md"


def check_parts(only: Sequence[str], known: Sequence[str]) -> None:
    """Raises a `ValueError` if a part that is asked for is unknown."""
    unknown = [name for name in only if name not in known]
    if unknown:
        raise ValueError(
            f"Parts are {', '.join(known)}. Received: {', '.join(unknown)}"
        )


def write_parts(
    measures: Mapping[str, Callable[[], Part]],
    output: str | os.PathLike,
    *,
    known: Sequence[str],
    head: str,
) -> list[Part]:
    """Measures parts and writes each once it is there.

    A part is a JSON file; the page shows all parts in the folder, those of
    earlier calls too.

    Args:
        measures: How to measure each part, by its name.
        output: Folder to write to.
        known: All parts, in the page's order.
        head: First lines of the page.

    Returns:
        The parts that were measured.
    """
    output = Path(output)
    parts = []
    for name, measure in measures.items():
        part = measure()
        part.to_json(output / f"{name}.json")
        parts.append(part)
        _write_page(output, known, head)
    return parts


def _write_page(output, known, head):
    parts = [
        Part.from_json(output / f"{name}.json")
        for name in known
        if (output / f"{name}.json").exists()
    ]
    sections = [head, *(part.to_markdown() for part in parts)]
    with replacing(output / PAGE) as temporary:
        temporary.write_text("\n".join(sections), "utf-8")
