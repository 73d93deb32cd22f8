"""`zoo list`."""

import argparse

import zoo
from zoo.cli.output import add_json_argument
from zoo.cli.output import emit


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument(
        "pattern", nargs="?", default="*", help="shell pattern, such as 'irm_*'"
    )
    add_json_argument(parser)


def run(options: argparse.Namespace) -> None:
    """Prints the models that match."""
    cards = [zoo.info(name) for name in zoo.list_models(options.pattern)]
    if options.json:
        emit(options, [card.name for card in cards], None)
        return
    from rich.table import Table

    table = Table("model", "data", "threat", "weights", "clean", "robust")
    for card in cards:
        clean, robust = _accuracies(card)
        table.add_row(
            card.name,
            card.dataset,
            str(card.threat or "undefended"),
            f"{card.size / 1e6:.1f} MB" if card.size else "–",
            clean,
            robust,
        )
    emit(options, None, table)


def _accuracies(card: zoo.Card) -> tuple[str, str]:
    """Clean accuracy, and the worst in the preset's own threat."""
    clean = robust = "–"
    for measurement in card.measurements:
        text = f"{measurement['accuracy']:.1%}"
        if measurement["attack"] == "clean":
            clean = text
        ball = (measurement.get("norm"), measurement.get("eps"))
        if (
            card.threat is not None
            and measurement["attack"] == "worst case"
            and ball == (card.threat.norm, card.threat.eps)
        ):
            robust = text
    return clean, robust
