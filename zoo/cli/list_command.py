"""`zoo list`."""

import argparse
import collections
from collections.abc import Iterable

import zoo
from zoo.cli.output import add_json_argument
from zoo.cli.output import emit


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.description = (
        "Lists the models and how accurate they are: on clean images, and in "
        "the worst case of all attacks in one ball for all models of a data "
        "set, the one that most of its defended models are made for."
    )
    parser.add_argument(
        "pattern", nargs="?", default="*", help="shell pattern, such as 'irm_*'"
    )
    add_json_argument(parser)


def run(options: argparse.Namespace) -> None:
    """Prints the models that match."""
    cards = {name: zoo.info(name) for name in zoo.list_models()}
    rows = [
        _row(cards[name], _reference_ball(cards[name].dataset, cards.values()))
        for name in zoo.list_models(options.pattern)
    ]
    if options.json:
        emit(options, rows)
        return
    import rich.box
    from rich.table import Table

    table = Table(
        *("model", "data", "threat", "weights", "clean"),
        box=rich.box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    table.add_column("worst case", no_wrap=True)
    for row in rows:
        threat = _ball(row["threat"]) if row["threat"] else "none"
        worst = "–"
        if row["worst_case"] is not None:
            worst = f"{row['worst_case']:.1%} in {_ball(row['ball'])}"
        table.add_row(
            row["name"],
            row["dataset"],
            threat if row["trained"] else "–",
            f"{row['size'] / 1e6:.1f} MB" if row["trained"] else "untrained",
            "–" if row["clean"] is None else f"{row['clean']:.1%}",
            worst,
        )
    emit(options, rows, table)


def _row(card: zoo.Card, ball: zoo.ThreatModel | None) -> dict:
    """What the list says of a model, its worst case in the ball."""
    clean = card.find("clean")
    worst = card.find("worst case", ball) if ball else None
    return {
        "name": card.name,
        "dataset": card.dataset,
        "threat": _plain(card.threat),
        "trained": card.trained,
        "size": card.size,
        "clean": clean and clean.accuracy,
        "ball": _plain(ball),
        "worst_case": worst and worst.accuracy,
    }


def _reference_ball(
    dataset: str, cards: Iterable[zoo.Card]
) -> zoo.ThreatModel | None:
    """The ball that a data set's models are compared in.

    The threat that most of them are made for; if none is, the first ball
    that one was measured in.
    """
    cards = [card for card in cards if card.dataset == dataset]
    threats = collections.Counter(
        card.threat for card in cards if card.threat is not None
    )
    measured = (m.threat for card in cards for m in card.measurements)
    first = next(filter(None, measured), None)
    return threats.most_common(1)[0][0] if threats else first


def _plain(threat: zoo.ThreatModel | None) -> dict | None:
    return threat and {"norm": threat.norm, "eps": threat.eps}


def _ball(threat: dict) -> str:
    return str(zoo.ThreatModel(**threat))
