"""`zoo cache`."""

import argparse

from zoo.cli.arguments import add_json_argument
from zoo.cli.output import emit
from zoo.weights import cache_folder
from zoo.weights import cached_files
from zoo.weights import clear_cache


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.description = (
        "Shows the folder of downloaded weights (ZOO_HOME moves it), and how "
        "much is in it."
    )
    parser.add_argument(
        "--clear",
        action="store_true",
        help="remove the files; what is being downloaded stays",
    )
    add_json_argument(parser)


def run(options: argparse.Namespace) -> None:
    """Prints where the cache is and what it holds, or empties it."""
    sizes = {path: path.stat().st_size for path in cached_files()}
    paths = clear_cache() if options.clear else sizes
    total = sum(sizes[path] for path in paths)
    data = {
        "folder": str(cache_folder()),
        "files": {path.name: sizes[path] for path in paths},
        "size": total,
    }
    lines = [f"{sizes[path] / 1e6:8.1f} MB  {path.name}" for path in paths]
    done = "removed from" if options.clear else "in"
    size = f"{len(lines)} files, {total / 1e6:.1f} MB"
    emit(options, data, *lines, f"{size} {done} {data['folder']}")
