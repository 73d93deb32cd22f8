"""What a command prints: tables for people, JSON for programs."""

import argparse
import json
from typing import Any


def add_json_argument(parser: argparse.ArgumentParser) -> None:
    """Adds `--json`."""
    parser.add_argument(
        "--json", action="store_true", help="print JSON instead of a table"
    )


def emit(options: argparse.Namespace, data: Any, table: Any) -> None:
    """Prints `data` as JSON if `--json` was given, else `table`.

    Args:
        data: Plain values that JSON can hold.
        table: Anything `rich` prints.
    """
    if options.json:
        print(json.dumps(data, indent=2, ensure_ascii=False))
        return
    import rich

    rich.print(table)
