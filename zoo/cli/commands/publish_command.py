"""`zoo publish`."""

import argparse
from pathlib import Path

import zoo
from zoo.cli.arguments import add_json_argument
from zoo.cli.output import emit


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.description = (
        "Copies published weights and their manifest to a folder that any "
        "static host can serve. ZOO_WEIGHTS_URL names such a mirror."
    )
    parser.add_argument("directory", type=Path, metavar="DIR")
    parser.add_argument(
        "pattern", nargs="?", default="*", help="shell pattern, such as 'irm_*'"
    )
    add_json_argument(parser)


def run(options: argparse.Namespace) -> None:
    """Lays out the mirror and says how to use it."""
    manifest = zoo.publish(options.directory, options.pattern)
    address = manifest.absolute().parent.as_uri()
    emit(
        options,
        {"manifest": str(manifest), "address": address},
        f"Mirror: ZOO_WEIGHTS_URL={address}",
    )
