"""Reads the command line and runs one command."""

import argparse
import importlib
import os
import re
import sys
from collections.abc import Sequence

import zoo
from zoo.suggestions import did_you_mean

COMMANDS = {
    "list": "the models and how accurate they are",
    "info": "card of a model",
    "download": "fetch a model's weights",
    "predict": "classify pictures",
    "attack": "attack a few images and draw them",
    "evaluate": "measure accuracy, clean and attacked",
    "tune": "search the weights of an ensemble's scales",
    "train": "run a training recipe",
    "finetune": "train a model on your own classes",
    "export": "write a SavedModel",
    "reproduce": "make a paper's tables and figures again",
    "demo": "the whole job on what the package ships",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs `zoo` and returns its exit status.

    0: done; 1: the command failed, with one line on standard error that says
    why; 2: the command line is wrong; 130: interrupted.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
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
    try:
        _module(options.command).run(options)
    except KeyboardInterrupt:
        resume = getattr(options, "resume", None)
        hint = f"; the same command goes on from {resume}" if resume else ""
        print(f"error: interrupted{hint}", file=sys.stderr)
        return 130
    except _failures() as error:
        print(f"error: {_one_line(error)}", file=sys.stderr)
        return 1
    return 0


def _failures() -> tuple[type[Exception], ...]:
    """Errors of what a command was asked or runs on, not of its code.

    TensorFlow's are among them if the command imported it.
    """
    failures = (ImportError, OSError, RuntimeError, ValueError)
    tensorflow = sys.modules.get("tensorflow")
    return failures + ((tensorflow.errors.OpError,) if tensorflow else ())


def _one_line(error: Exception) -> str:
    text = str(error)
    if text.startswith("Graph execution error:"):
        text = text.rpartition("\n\n")[2]  # After the stack of the graph.
    return " ".join(text.split())


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


def _module(command: str):
    return importlib.import_module(f"zoo.cli.commands.{command}_command")
