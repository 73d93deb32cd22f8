"""What a command prints: tables for people, JSON for programs."""

import argparse
import json
from typing import Any


def add_json_argument(parser: argparse.ArgumentParser) -> None:
    """Adds `--json`."""
    parser.add_argument(
        "--json", action="store_true", help="print JSON instead of a table"
    )


def emit(options: argparse.Namespace, data: Any, *shown: Any) -> None:
    """Prints `data` as JSON if `--json` was given, else what is `shown`.

    Args:
        data: Plain values that JSON can hold.
        shown: Text, which is printed as it is, and tables of `rich`, whose
            cells hold plain text too, no markup.
    """
    if options.json:
        print(json.dumps(data, indent=2, ensure_ascii=False))
        return
    for part in shown:
        if isinstance(part, str):
            print(part)
        else:
            _print_table(part)


def _print_table(table) -> None:
    from rich.console import Console

    Console(markup=False, emoji=False, highlight=False).print(table)
