"""`zoo list`."""

import argparse
import collections
from collections.abc import Iterable

import zoo
from zoo.cards.deciding_attack import deciding_attack
from zoo.cli.arguments import add_json_argument
from zoo.cli.output import emit


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.description = (
        "Lists the models and their accuracy: on clean images, and in the "
        "worst case of all attacks in one ball, with the attack that decides "
        "it. All models of a data set are "
        "compared in the ball that most of its defended models are made for. "
        "A tag in brackets, as in `blurnet_tv (.1e-4)`, may be left out."
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
    if not rows:
        raise ValueError(
            f"No model matches. Received: pattern={options.pattern!r}"
        )
    if options.json:
        emit(options, rows)
        return
    datasets = dict.fromkeys(row["dataset"] for row in rows)
    emit(options, rows, *(_table(name, rows) for name in datasets))


def _table(dataset: str, rows: list[dict]):
    """Returns the table of one data set's models."""
    import rich.box
    from rich.table import Table

    rows = [row for row in rows if row["dataset"] == dataset]
    balls = [row["ball"] for row in rows if row["worst_case"] is not None]
    table = Table(
        title=dataset,
        title_justify="left",
        box=rich.box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    names = [_shown_name(row, rows) for row in rows]
    # A name that is cut short names nothing; other columns give way.
    table.add_column("model", overflow="fold", no_wrap=True)
    for title in ("threat", "weights", "clean"):
        table.add_column(title)
    table.add_column(f"worst in {_ball(balls[0])}" if balls else "worst")
    table.add_column("attack")
    for name, row in zip(names, rows, strict=True):
        table.add_row(
            name,
            _ball(row["threat"]) if row["threat"] and row["trained"] else "–",
            _weights(row),
            _percent(row["clean"]),
            _percent(row["worst_case"]),
            row["attack"] or "–",
        )
    return table


def _shown_name(row: dict, rows: list[dict]) -> str:
    """Returns a name, with its default tag if another one has a tag too.

    `blurnet_tv (.1e-4)` is `blurnet_tv.1e-4`, beside `blurnet_tv.1e-5`.
    """
    name, alias = row["name"], row["alias"]
    tagged = any(other["name"].startswith(f"{name}.") for other in rows)
    if alias is None or not tagged:
        return name
    return f"{name} ({alias.removeprefix(name)})"


def _weights(row: dict) -> str:
    if not row["trained"]:
        return "untrained"
    grown = ", grown" if row["grown_from"] else ""
    return f"{row['size'] / 1e6:.1f} MB{grown}"


def _percent(accuracy: float | None) -> str:
    return "–" if accuracy is None else f"{accuracy:.1%}"


def _row(card: zoo.Card, ball: zoo.ThreatModel | None) -> dict:
    """What the list says of a model, its worst case in the ball."""
    clean = card.find("clean")
    worst = card.find("worst case", ball) if ball else None
    return {
        "name": card.name,
        "alias": card.alias,
        "dataset": card.dataset,
        "threat": _plain(card.threat),
        "trained": card.trained,
        "size": card.size,
        "grown_from": card.grown_from,
        "clean": clean and clean.accuracy,
        "ball": _plain(ball),
        "worst_case": worst and worst.accuracy,
        "attack": worst and deciding_attack(card.measurements, ball),
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
