"""`zoo download`."""

import argparse

import zoo
from zoo.cli.arguments import add_json_argument
from zoo.cli.models import check_trained
from zoo.cli.output import emit


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    wanted = parser.add_mutually_exclusive_group(required=True)
    wanted.add_argument(
        "name", nargs="?", metavar="NAME", help="preset (see `zoo list`)"
    )
    wanted.add_argument(
        "--all", action="store_true", help="every preset's weights"
    )
    add_json_argument(parser)


def run(options: argparse.Namespace) -> None:
    """Fetches weights and prints where they are."""
    if options.all:
        names = [n for n in zoo.list_models() if zoo.info(n).trained]
    else:
        check_trained(zoo.info(options.name))
        names = [options.name]
    rows = [{"name": name, "path": str(zoo.download(name))} for name in names]
    paths = dict.fromkeys(row["path"] for row in rows)
    emit(options, rows if options.all else rows[0], *paths)
