"""`zoo info`."""

import argparse

import zoo
from zoo.cli.arguments import add_json_argument
from zoo.cli.output import emit


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument("name", metavar="NAME", help="preset (see `zoo list`)")
    add_json_argument(parser)


def run(options: argparse.Namespace) -> None:
    """Prints a model's card."""
    card = zoo.info(options.name)
    emit(options, card.to_dict(), *str(card).split("\n"))
