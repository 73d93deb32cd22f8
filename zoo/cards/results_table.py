"""Writes the tables of measured accuracies into README and the docs.

    python -m zoo.cards.results_table README.md docs/results.md
    python -m zoo.cards.results_table README.md docs/results.md --check

Every number comes from the cards. A table stands between two markers, such as
`<!-- results: ... -->` and `<!-- /results -->`. `--check` changes nothing and
fails if a file doesn't show what the cards say.
"""

import argparse
import sys
from collections.abc import Iterable
from collections.abc import Sequence
from pathlib import Path

from zoo.atomic_write import atomic_write
from zoo.cards.card import Card
from zoo.cards.card import info
from zoo.cards.deciding_attack import deciding_attack
from zoo.cards.measurement import EFFORT
from zoo.cards.measurement import Measurement
from zoo.loading import list_models
from zoo.threat import ThreatModel

HEADLINES = (
    "wrn16_2",
    "ddn_wrn16_2",
    "jpeg_ddn_wrn16_2",
    "irm_wrn16_2",
    "irm_wrn16_2.tricks",
    "lisa_cnn",
    "blurnet_tv",
    "blurnet_fixed.maps_5x5",
    "wrn10_2",
    "jpeg_wrn10_2",
    "semantic_jpeg_wrn10_2",
)
"""Models of the headline table."""

_HEADLINE_BALLS = (
    ThreatModel("l2", 1.0),
    ThreatModel("linf", 0.1),
    ThreatModel("l2", 0.5),
    ThreatModel("linf", 0.03),
    ThreatModel("linf", 0.016),
)
_HEADLINE_HEADER = ("model", "what", "clean", "under attack", "attack")
_STICKER_HEADER = (
    *("model", "stickers", "accuracy on the signs"),
    *("average success", "95 %", "worst success", "on"),
)
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
    return _markdown(rows)


def stickers_table(cards: Iterable[Card]) -> str:
    """Returns the cards' success of stickers as a Markdown table, in percent.

    A model has one row for each variant of the attack. *worst* is that of the
    sign and target with the highest success.

    Args:
        cards: Cards without stickers are left out.
    """
    rows = [_STICKER_HEADER, ("---", "---", *("--:",) * 4, "---")]
    for card in cards:
        for one in card.stickers:
            low, high = one.interval
            rows.append(
                (
                    f"`{card.name}`",
                    one.label,
                    f"{100 * one.accuracy:.1f}",
                    f"{100 * one.average:.1f}",
                    f"{100 * low:.1f}–{100 * high:.1f}",
                    f"{100 * one.worst:.1f}",
                    one.effort,
                )
            )
    return _markdown(rows)


def headline_table(cards: Iterable[Card]) -> str:
    """Returns a Markdown table of a row each for the models of `HEADLINES`.

    Accuracies are in percent: clean, and the worst case in the balls that
    the models of one data set are compared in, with the attacks that decide
    it.
    """
    known = {card.name: card for card in cards}
    rows = [_HEADLINE_HEADER, ("---",) * 2 + ("--:",) * 2 + ("---",)]
    rows += [_headline(known[name]) for name in HEADLINES if name in known]
    return _markdown(rows)


TABLES = {
    "results": results_table,
    "stickers": stickers_table,
    "headlines": headline_table,
}
"""What stands between which markers."""


def markers(name: str) -> tuple[str, str]:
    """Returns the lines around the table of that name in `TABLES`."""
    begin = f"<!-- {name}: written by python -m zoo.cards.results_table -->"
    return begin, f"<!-- /{name} -->"


def replace_table(text: str, name: str, table: str) -> str:
    """Returns the text with the table between its two markers.

    Args:
        name: Name of the table in `TABLES`.

    Raises:
        ValueError: If the markers are not there once each, in order.
    """
    first, last = markers(name)
    lines = text.splitlines()
    if lines.count(first) != 1 or lines.count(last) != 1:
        raise ValueError(
            f"the table goes between one line {first!r} and one line {last!r}. "
            f"Received: {lines.count(first)} and {lines.count(last)} of them"
        )
    begin, end = lines.index(first), lines.index(last)
    if begin > end:
        raise ValueError(f"the line {first!r} must come before {last!r}.")
    lines[begin + 1 : end] = ["", *table.splitlines(), ""]
    return "\n".join(lines) + "\n"


def replace_tables(text: str, cards: Sequence[Card]) -> str:
    """Returns the text with every table that it has markers of.

    Raises:
        ValueError: If it has none, or one marker of two.
    """
    held = [
        name
        for name in TABLES
        if any(line in text.splitlines() for line in markers(name))
    ]
    if not held:
        lines = " or ".join(repr(markers(name)[0]) for name in TABLES)
        raise ValueError(f"the file must have a line {lines}.")
    for name in held:
        text = replace_table(text, name, TABLES[name](cards))
    return text


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns 0 if the files are, or now are, up to date."""
    parser = argparse.ArgumentParser(
        prog="python -m zoo.cards.results_table",
        description=__doc__.splitlines()[0],
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument(
        "--check", action="store_true", help="fail instead of writing"
    )
    options = parser.parse_args(arguments)
    cards = [info(name) for name in list_models()]
    failed = False
    for file in options.files:
        try:
            _update(file, cards, check=options.check)
        except (OSError, ValueError) as error:
            print(f"error: {file}: {error}", file=sys.stderr)
            failed = True
    return int(failed)


def _update(file: Path, cards: Sequence[Card], *, check: bool) -> None:
    text = file.read_text("utf-8")
    new = replace_tables(text, cards)
    if new == text:
        return
    if check:
        raise ValueError(
            "a table is not what the cards say; run "
            f"python -m zoo.cards.results_table {file}"
        )
    with atomic_write(file) as temporary:
        temporary.write_text(new, "utf-8")


def _markdown(rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _headline(card: Card) -> tuple[str, ...]:
    clean = card.find("clean")
    worst = {
        measured.threat: measured
        for measured in card.measurements
        if measured.attack == "worst case"
    }
    balls = [ball for ball in _HEADLINE_BALLS if ball in worst]
    attacked = [f"{b.title}: {100 * worst[b].accuracy:.1f}" for b in balls]
    by = [deciding_attack(card.measurements, ball) or "–" for ball in balls]
    return (
        f"`{card.name}`",
        card.description.removesuffix("."),
        "–" if clean is None else f"{100 * clean.accuracy:.1f}",
        "; ".join(attacked) or "–",
        "; ".join(by if len(set(by)) > 1 else by[:1]) or "–",
    )


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
                effort = "; ".join(dict.fromkeys(map(_effort, inside)))
                effort += "; flagged" if measured.flags else ""
                yield _row(name, threat.title, effort, measured)


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
