"""Writes the table of what presets become in other formats.

    python -m benchmarks.formats_table docs/formats.md

Reads what `benchmarks.formats` measured, and replaces what stands between the
marks of a page.
"""

import argparse
import json
import pathlib
import textwrap

import zoo
from benchmarks.exported_presets import trained_presets
from zoo.atomic_write import atomic_write
from zoo.exports.formats.runtimes import FORMATS

RESULTS = "docs/results/formats.json"
COLUMNS = (*FORMATS, "torch")
MARKS = (
    "<!-- formats: written by python -m benchmarks.formats_table -->",
    "<!-- formats: end -->",
)
_REASON = 110
"""Letters of a reason in the table; the JSON has it whole."""


def presets() -> list[str]:
    """Returns the presets with weights, and Mind's Eye's, which have none."""
    minds_eye = zoo.list_models("minds_eye_*")
    untagged = [name for name in minds_eye if "." not in name]
    return list(dict.fromkeys([*trained_presets(), *untagged]))


def table(rows: list[dict]) -> str:
    """Returns a row for each preset and a column for each format."""
    head = ["model", "SavedModel", *COLUMNS]
    lines = [_line(head), _line(["---"] * len(head))]
    for row in rows:
        own = f"{row['size_bytes'] / 1e6:.1f} MB, {row['ms']:.1f} ms"
        cells = [_cell(row["formats"][kind]) for kind in COLUMNS]
        weights = "" if row["trained"] else ", random weights"
        lines.append(_line([f"`{row['model']}`{weights}", own, *cells]))
    return "\n".join(lines)


def _cell(cell: dict) -> str:
    if "reason" in cell:
        reason = cell["reason"].replace("|", "/")
        return textwrap.shorten(reason, _REASON, placeholder=" …")
    return (
        f"{cell['max_abs_difference']:.1e}, {cell['size_bytes'] / 1e6:.1f} MB,"
        f" {cell['ratio']:.2f}x"
    )


def _line(cells) -> str:
    return f"| {' | '.join(cells)} |"


def write(page: pathlib.Path, rows: list[dict]) -> None:
    """Replaces what stands between the marks of a page by the table."""
    text = page.read_text("utf-8")
    before, rest = text.split(MARKS[0])
    _, after = rest.split(MARKS[1])
    new = f"{before}{MARKS[0]}\n\n{table(rows)}\n\n{MARKS[1]}{after}"
    with atomic_write(page) as temporary:
        temporary.write_bytes(new.encode())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("page", type=pathlib.Path)
    page = parser.parse_args().page
    write(page, json.loads(pathlib.Path(RESULTS).read_text("utf-8"))["rows"])


if __name__ == "__main__":
    main()
