"""`zoo verify`."""

import argparse

import zoo
from zoo.cli.arguments import add_json_argument
from zoo.cli.output import emit


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.description = (
        "Compares the weight files of the package and of the cache with their "
        "hashes. Nothing is downloaded."
    )
    parser.add_argument(
        "pattern", nargs="?", default="*", help="shell pattern, such as 'irm_*'"
    )
    parser.add_argument(
        "--grown",
        action="store_true",
        help="load the presets whose weights are grown, too: seconds each",
    )
    add_json_argument(parser)


def run(options: argparse.Namespace) -> None:
    """Prints what was found; fails if a file is not the published one."""
    found = zoo.verify(options.pattern, grown=options.grown)
    rows = [
        {
            "preset": one.preset,
            "path": one.path and str(one.path),
            "problem": one.problem,
        }
        for one in found
    ]
    lines = (
        f"{row['path'] or row['preset']}: {row['problem'] or 'as published'}"
        for row in rows
    )
    emit(options, rows, *lines)
    wrong = sum(one.problem is not None for one in found)
    if wrong:
        raise OSError(
            f"{wrong} of {len(found)} are not what was published. A damaged "
            "file of the cache is replaced when it is loaded; a damaged "
            "package must be reinstalled."
        )
