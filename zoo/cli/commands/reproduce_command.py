"""`zoo reproduce`."""

import argparse
from pathlib import Path
from typing import Any

from zoo.cli.arguments import above_zero
from zoo.cli.arguments import add_json_argument
from zoo.cli.arguments import at_least
from zoo.cli.output import check_writable
from zoo.cli.output import emit

_METAVARS = {int: "N", float: "X", Path: "DIR"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments, and the options of every system."""
    from zoo.training.reproduction.registry import NAMES

    parser.add_argument(
        "system", metavar="SYSTEM", help=f"system: {' or '.join(NAMES)}"
    )
    parser.add_argument(
        "--only",
        action="append",
        metavar="EXHIBIT",
        help="a table or figure, such as tab4; may be given several times "
        "(default: all)",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="JSON, Markdown and pictures (default: results in --workdir)",
    )
    parser.add_argument(
        "--workdir",
        type=Path,
        metavar="DIR",
        help="trained weights and finished measurements, from which the same "
        "call goes on (default: runs/reproduce_SYSTEM)",
    )
    for flag, fields in _fields().items():
        _add_option(parser, flag, fields)
    add_json_argument(parser)


def run(options: argparse.Namespace) -> None:
    """Makes a paper's tables and figures again and prints them."""
    from zoo.training import reproduction
    from zoo.training.reproduction.exhibit import check_exhibits

    system = reproduction.find(options.system)
    only = options.only or system.EXHIBITS
    check_exhibits(only, system.EXHIBITS)
    workdir = work_folder(options)
    output = options.output or workdir / "results"
    for folder in (workdir, output):
        check_writable(folder / "README.md")
    settings = system.Settings(
        workdir=workdir, progress=not options.json, **_given(options)
    )
    exhibits = system.reproduce(settings, output, only=only)
    emit(
        options,
        {exhibit.name: exhibit.data for exhibit in exhibits},
        *(
            line
            for exhibit in exhibits
            for line in exhibit.to_markdown().split("\n")
        ),
    )


def work_folder(options: argparse.Namespace) -> Path:
    """Returns the folder that an interrupted call goes on from."""
    return options.workdir or Path(f"runs/reproduce_{options.system}")


def _fields() -> dict[str, dict[str, Any]]:
    """Returns the fields of each option, by the systems that have it."""
    from zoo.training.reproduction.options import declared
    from zoo.training.reproduction.registry import NAMES
    from zoo.training.reproduction.registry import find

    fields = {}
    for system in NAMES:
        for flag, field in declared(find(system).Settings).items():
            fields.setdefault(flag, {})[system] = field
    return fields


def _add_option(parser, flag: str, fields: dict[str, Any]) -> None:
    from zoo.training.reproduction.options import value_type

    first = next(iter(fields.values()))
    kind = value_type(first)
    readers = {int: at_least(first.metadata["least"]), float: above_zero}
    parser.add_argument(
        flag,
        dest=first.name,
        metavar=first.metadata["metavar"] or _METAVARS[kind],
        help=_help(fields),
        action="append" if kind is tuple else "store",
        type=str if kind is tuple else readers.get(kind, kind),
    )


def _help(fields: dict[str, Any]) -> str:
    """Says what an option is for each system, and its defaults."""
    texts = {}
    for system, field in fields.items():
        texts.setdefault(field.metadata["help"], []).append(system)
    shared = len(texts) == 1 and len(fields) > 1
    said = [
        text if shared else f"{' and '.join(systems)}: {text}"
        for text, systems in texts.items()
    ]
    defaults = {
        system: field.default
        for system, field in fields.items()
        if field.default is not None
    }
    alike = len(set(defaults.values())) == 1
    shown = dict.fromkeys(
        str(value) if alike else f"{value} for {system}"
        for system, value in defaults.items()
    )
    default = f" (default: {', '.join(shown)})" if shown else ""
    return f"{'; '.join(said)}{default}"


def _given(options: argparse.Namespace) -> dict[str, Any]:
    """Returns the options of the command line that are the system's own.

    Raises:
        ValueError: If another system's option is given.
    """
    given, foreign = {}, []
    for fields in _fields().values():
        name = next(iter(fields.values())).name
        value = getattr(options, name)
        if value is None:
            continue
        given[name] = tuple(value) if isinstance(value, list) else value
        if options.system not in fields:
            foreign.append(f"{name}={value}")
    if foreign:
        raise ValueError(
            f"{options.system} has no such option. "
            f"Received: {', '.join(foreign)}"
        )
    return given
