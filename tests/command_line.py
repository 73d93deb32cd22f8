"""Runs the `zoo` command in the test's process."""

import json

from zoo.cli import main


def run(capsys, *arguments):
    """Runs a command that must succeed; returns what it prints."""
    assert main([*map(str, arguments)]) == 0
    return capsys.readouterr().out


def run_json(capsys, *arguments):
    """Runs a command that must succeed; returns the JSON that it prints.

    NaN and infinity, which Python reads too, are no JSON.
    """
    text = run(capsys, *arguments, "--json")
    return json.loads(text, parse_constant=_refuse)


def failed(capsys, *arguments):
    """Runs a command that must fail with one line; returns the line."""
    assert main([*map(str, arguments)]) == 1
    streams = capsys.readouterr()
    assert streams.out == ""
    assert streams.err.startswith("error: ")
    assert streams.err.count("\n") == 1
    return streams.err


def _refuse(constant):
    raise AssertionError(f"{constant} is no JSON")
