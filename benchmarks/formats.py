"""Converts presets to other runtimes' formats and tabulates what came of it.

    python -m benchmarks.formats --output docs/results/formats.json
    python -m benchmarks.formats --table docs/formats.md

The first converts each preset and compares it with its SavedModel: calls take
turns, and times are medians. With `--models`, rows of other models that the
file has are kept. The second writes the table of `docs/results/formats.json`
between the marks of a page.
"""

import argparse
import json
import pathlib
import tempfile
import textwrap

import numpy as np

import zoo
from benchmarks import provenance
from benchmarks.exported_presets import trained_presets
from zoo import exports
from zoo.atomic_write import atomic_write
from zoo.exports.formats.runtimes import FORMATS
from zoo.training.reproduction.timing import interleaved_medians

_RESULTS = pathlib.Path("docs/results/formats.json")
_REASON = 110
"""Letters of a reason in the table; the JSON has it whole."""

_MARKS = (
    "<!-- formats: written by python -m benchmarks.formats --table -->",
    "<!-- formats: end -->",
)


def measure(name: str, *, batch: int, rounds: int) -> dict:
    """Returns a preset's row: for each format numbers, or a reason."""
    model = zoo.load(name)
    shape = (batch, *model.input_shape[1:])
    images = np.random.default_rng(0).random(shape, "float32")
    cells = {}
    with tempfile.TemporaryDirectory() as folder:
        report = exports.save(
            model,
            pathlib.Path(folder, "saved_model"),
            signatures=["serving_default"],
        )
        row = {
            "model": name,
            "stochastic": report.stochastic,
            "size_bytes": report.size_bytes,
        }
        with exports.SavedModelSession(report.path) as session:
            calls = {
                "saved_model": lambda: session.run(
                    "serving_default", {"image": images}
                )
            }
            for kind in FORMATS:
                try:
                    converted = exports.convert(
                        model, pathlib.Path(folder, kind), kind
                    )
                except ValueError as error:
                    cells[kind] = {"reason": str(error)}
                    continue
                predict = exports.load_converted(converted.path, kind)
                calls[kind] = lambda predict=predict: predict(images)
                cells[kind] = {
                    "max_abs_difference": converted.max_abs_difference,
                    "size_bytes": converted.size_bytes,
                }
            seconds = interleaved_medians(calls, rounds=rounds)
    milliseconds = {kind: 1e3 * value for kind, value in seconds.items()}
    for kind, cell in cells.items():
        if kind in milliseconds:
            cell["ms"] = milliseconds[kind]
            cell["ratio"] = milliseconds[kind] / milliseconds["saved_model"]
    return {**row, "ms": milliseconds["saved_model"], "formats": cells}


def table(rows: list[dict]) -> str:
    """Returns a row for each preset and a column for each format."""
    head = ["model", "SavedModel", *FORMATS]
    lines = [_line(head), _line(["---"] * len(head))]
    for row in rows:
        own = f"{row['size_bytes'] / 1e6:.1f} MB, {row['ms']:.1f} ms"
        cells = [_cell(row["formats"][kind]) for kind in FORMATS]
        lines.append(_line([f"`{row['model']}`", own, *cells]))
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


def _write_table(page: pathlib.Path) -> None:
    rows = json.loads(_RESULTS.read_text("utf-8"))["rows"]
    text = page.read_text("utf-8")
    before, rest = text.split(_MARKS[0])
    _, after = rest.split(_MARKS[1])
    new = f"{before}{_MARKS[0]}\n\n{table(rows)}\n\n{_MARKS[1]}{after}"
    with atomic_write(page) as temporary:
        temporary.write_bytes(new.encode())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=trained_presets())
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--output", type=pathlib.Path)
    parser.add_argument("--table", type=pathlib.Path)
    arguments = parser.parse_args()
    if arguments.table:
        _write_table(arguments.table)
        return
    rows = _read_rows(arguments.output)
    run = provenance.collect()
    for name in arguments.models:
        rows[name] = {
            **measure(name, batch=arguments.batch, rounds=arguments.rounds),
            "batch": arguments.batch,
            "commit": run["commit"],
            "date": run["date"],
        }
        print(json.dumps(rows[name]), flush=True)
        if arguments.output:
            provenance.write(arguments.output, list(rows.values()))


def _read_rows(path: pathlib.Path | None) -> dict[str, dict]:
    """Returns the rows of an earlier run, by model."""
    if path is None or not path.exists():
        return {}
    rows = json.loads(path.read_text("utf-8"))["rows"]
    return {row["model"]: row for row in rows}


if __name__ == "__main__":
    main()
