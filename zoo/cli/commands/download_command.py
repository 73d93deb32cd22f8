"""`zoo download`."""

import argparse

import zoo
from zoo.cli.arguments import add_json_argument
from zoo.cli.models import check_trained
from zoo.cli.output import emit


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument("name", metavar="NAME", help="preset (see `zoo list`)")
    add_json_argument(parser)


def run(options: argparse.Namespace) -> None:
    """Fetches a model's weights and prints where they are."""
    check_trained(zoo.info(options.name))
    path = str(zoo.download(options.name))
    emit(options, {"name": options.name, "path": path}, path)
