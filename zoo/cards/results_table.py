"""Writes the table of measured accuracies into README.

    python -m zoo.cards.results_table README.md
    python -m zoo.cards.results_table README.md --check

Every number comes from the cards. `--check` changes nothing and fails if the
file doesn't show what the cards say.
"""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from zoo.atomic_write import atomic_write
from zoo.cards.card import Card
from zoo.cards.card import info
from zoo.cards.measurement import EFFORT
from zoo.cards.measurement import Measurement
from zoo.loading import list_models

BEGIN = "<!-- results: written by python -m zoo.cards.results_table -->"
END = "<!-- /results -->"
_NORMS = {"l2": "L2", "linf": "L∞"}
_HEADER = ("model", "ball", "attacks", "accuracy", "95 %", "images")


def results_table(cards: Iterable[Card]) -> str:
    """Returns the cards' accuracies as a Markdown table, in percent.

    A model has one row without an attack, and one for each ball that it was
    attacked in, with the worst case over all attacks. A row names the attacks
    in its ball and those without a ball. It says "flagged" where the
    evaluation found signs that the number may be too high.

    Args:
        cards: Cards without measurements are left out.
    """
    rows = [_HEADER, ("---",) * 3 + ("--:",) * 3]
    for card in cards:
        rows += _rows(card.name, card.measurements)
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def replace_table(text: str, table: str) -> str:
    """Returns the text with the table between its two markers.

    Raises:
        ValueError: If the markers are not there once each, in order.
    """
    lines = text.splitlines()
    if lines.count(BEGIN) != 1 or lines.count(END) != 1:
        raise ValueError(
            f"the table goes between one line {BEGIN!r} and one line {END!r}. "
            f"Received: {lines.count(BEGIN)} and {lines.count(END)} of them"
        )
    begin, end = lines.index(BEGIN), lines.index(END)
    if begin > end:
        raise ValueError(f"the line {BEGIN!r} must come before {END!r}.")
    lines[begin + 1 : end] = ["", *table.splitlines(), ""]
    return "\n".join(lines) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns 0 if the file is, or now is, up to date."""
    parser = argparse.ArgumentParser(
        prog="python -m zoo.cards.results_table",
        description=__doc__.splitlines()[0],
    )
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument(
        "--check", action="store_true", help="fail instead of writing"
    )
    options = parser.parse_args(arguments)
    try:
        text = options.file.read_text("utf-8")
        new = replace_table(text, results_table(map(info, list_models())))
        if new == text:
            return 0
        if options.check:
            raise ValueError(
                "the table is not what the cards say; run "
                f"python -m zoo.cards.results_table {options.file}"
            )
        with atomic_write(options.file) as temporary:
            temporary.write_text(new, "utf-8")
    except (OSError, ValueError) as error:
        print(f"error: {options.file}: {error}", file=sys.stderr)
        return 1
    return 0


def _rows(name: str, measurements: Iterable[Measurement]):
    attacks = [
        m for m in measurements if m.attack not in ("clean", "worst case")
    ]
    for measured in measurements:
        threat = measured.threat
        if measured.attack == "clean":
            yield _row(name, "–", "none", measured)
        elif measured.attack == "worst case":
            inside = [m for m in attacks if m.threat in (threat, None)]
            if inside:
                ball = f"{_NORMS[threat.norm]}, {threat.eps:.3g}"
                effort = "; ".join(dict.fromkeys(map(_effort, inside)))
                effort += "; flagged" if measured.flags else ""
                yield _row(name, ball, effort, measured)


def _row(name: str, ball: str, effort: str, measured: Measurement):
    interval = "–"
    if measured.interval is not None:
        low, high = measured.interval
        interval = f"{100 * low:.1f}–{100 * high:.1f}"
    return (
        f"`{name}`",
        ball,
        effort,
        f"{100 * measured.accuracy:.1f}",
        interval,
        f"{measured.images:,}",
    )


def _effort(measured: Measurement) -> str:
    """Returns the attack with its counts, such as `pgd, 40 steps`."""
    words = [measured.attack]
    for name in EFFORT:
        count = getattr(measured, name)
        if count is not None and (count > 1 or name == "steps"):
            words.append(f"{count:,} {name if count != 1 else name[:-1]}")
    return ", ".join(words + measured.options_in_words)


if __name__ == "__main__":
    sys.exit(main())
