"""Reads the command line and runs one command."""

import argparse
import importlib
import os
import re
import sys
import warnings
from collections.abc import Sequence
from types import ModuleType

import zoo
from zoo.cli.interruption import Interruption
from zoo.cli.native_log import hide_native_log
from zoo.cli.output import printable
from zoo.suggestions import did_you_mean

COMMANDS = {
    "list": "the models and how accurate they are",
    "info": "card of a model",
    "download": "fetch a model's weights, or all of them",
    "verify": "check the weight files on this machine",
    "cache": "where downloaded weights are, and how much",
    "publish": "lay out a mirror of the weights in a folder",
    "push": "publish the weights on the Hugging Face Hub",
    "predict": "classify pictures",
    "compress": "write JPEG files, with more quality where objects are",
    "attack": "attack a few images and draw them",
    "evaluate": "measure accuracy, clean and attacked",
    "tune": "search for the best weights of an ensemble's scales",
    "train": "run a training recipe",
    "finetune": "train a model on your own classes",
    "export": "write a SavedModel",
    "reproduce": "measure a paper's tables and figures again",
    "demo": "load, attack, compare and export what the package ships",
}


_RAISED_IN_GRAPH = re.compile(
    r"\w*(?:Error|Exception): (.*?)\s*\nTraceback \(most recent call last\)",
    re.DOTALL,
)
"""What Python raised inside a graph, in TensorFlow's account of it."""

_LONGEST = 1000
"""Letters of an error that are shown."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs `zoo` and returns its exit status.

    0: done; 1: the command failed, with one line on standard error that says
    why; 2: the command line is wrong; 130: interrupted; 143: told to end by
    SIGTERM.

    Args:
        arguments: What follows `zoo`. `None` for those of the process, which
            is then taken over: C++ code's log is kept out of its standard
            error, and Ctrl-C or SIGTERM ends it within seconds.
    """
    owned = arguments is None
    arguments = sys.argv[1:] if owned else list(arguments)
    # TensorFlow's own errors come as exceptions; what it logs besides, such
    # as that there is no GPU, is none of the command's.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    parser, commands = _parsers(arguments)
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        _refuse(unknown, commands.get(options.command, parser))
    if options.command is None:
        parser.print_help()
        return 2
    command = _module(options.command)
    interruption = Interruption(
        lambda notes: _interrupted(command, options, notes)
    )
    if owned:
        warnings.showwarning = _show_warning
        hide_native_log()
        interruption.watch()
    try:
        command.run(options)
    except KeyboardInterrupt as interrupt:
        interruption.say(getattr(interrupt, "__notes__", ()))
        return interruption.status
    except _failures() as error:
        print(f"error: {_one_line(error)}", file=sys.stderr)
        return 1
    return 0


def _show_warning(message: Warning | str, *_, **__) -> None:
    print(f"warning: {_one_line(message)}", file=sys.stderr)


def _interrupted(
    command: ModuleType, options: argparse.Namespace, notes: Sequence[str]
) -> str:
    """Says that a command was interrupted, and once how to go on.

    A command's own folder comes first: the notes are of the library and speak
    of a call inside the command.
    """
    folder = None
    if hasattr(command, "work_folder"):
        folder = command.work_folder(options)
    said = " ".join(notes) or "interrupted"
    if folder:
        said = f"interrupted; the same command goes on from {folder}"
    return f"error: {printable(said)}"


def _failures() -> tuple[type[Exception], ...]:
    """Errors of what a command was asked or runs on, not of its code.

    TensorFlow's are among them if the command imported it.
    """
    failures = (ImportError, MemoryError, OSError, RuntimeError, ValueError)
    tensorflow = sys.modules.get("tensorflow")
    return failures + ((tensorflow.errors.OpError,) if tensorflow else ())


def _one_line(error: Exception | str) -> str:
    text = str(error)
    if raised := _RAISED_IN_GRAPH.search(text):
        text = raised[1]
    elif text.startswith("Graph execution error:"):
        text = text.rpartition("\n\n")[2]  # After the stack of the graph.
    line = printable(" ".join(text.split())) or type(error).__name__
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]} …"


def _parsers(
    arguments: Sequence[str],
) -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    """Returns the parser, and those of its commands by name."""
    parser = argparse.ArgumentParser(
        prog="zoo",
        description="Hardened image classifiers: load, attack, train, serve.",
    )
    parser.add_argument(
        "--version", action="version", version=f"zoo {zoo.__version__}"
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, summary in COMMANDS.items():
        command = commands.add_parser(
            name,
            help=summary,
            description=f"{summary[0].upper()}{summary[1:]}.",
        )
        if name in arguments:  # The others' modules need not be imported.
            _module(name).add_arguments(command)
    return parser, commands.choices


def _refuse(unknown: list[str], parser: argparse.ArgumentParser) -> None:
    """Exits with the usage, and with an option like the first unknown one."""
    options = re.findall("--[a-z-]+", parser.format_help())
    near = did_you_mean(unknown[0], options)
    parser.error(f"unrecognized arguments: {' '.join(unknown)}.{near}")


def _module(command: str) -> ModuleType:
    return importlib.import_module(f"zoo.cli.commands.{command}_command")
