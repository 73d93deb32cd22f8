"""`zoo push`."""

import argparse

import zoo
from zoo.cli.arguments import add_json_argument
from zoo.cli.output import emit


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.description = (
        "Publishes weights and their manifest on the Hugging Face Hub. Needs "
        "huggingface_hub and a token that may write (hf auth login)."
    )
    parser.add_argument("address", metavar="hf://OWNER/REPO[@BRANCH][/FOLDER]")
    parser.add_argument(
        "pattern", nargs="?", default="*", help="shell pattern, such as 'irm_*'"
    )
    add_json_argument(parser)


def run(options: argparse.Namespace) -> None:
    """Uploads the mirror and says how to use it."""
    zoo.push(options.address, options.pattern)
    emit(
        options,
        {"address": options.address},
        f"Mirror: ZOO_WEIGHTS_URL={options.address}",
    )
