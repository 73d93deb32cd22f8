"""What is said while a step takes long."""

import io
import time

import pytest

from zoo.cli import activity as module
from zoo.cli.activity import activity


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_shows_it_at_once_and_nothing_after(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with activity("Attacking [red]8 images"):
        time.sleep(0.2)
    assert "Attacking [red]8 images" in terminal.getvalue()
    assert terminal.getvalue().endswith("\x1b[2K")  # The line is wiped.


@pytest.mark.parametrize(("long", "said"), [(0.05, "Attacking …\n"), (9, "")])
def test_a_file_gets_a_line_if_it_takes_long(capsys, monkeypatch, long, said):
    monkeypatch.setattr(module, "_LONG", long)
    with activity("Attacking"):
        time.sleep(0.3)
    assert capsys.readouterr().err == said


def test_json_is_asked_for_by_programs(capsys, monkeypatch):
    monkeypatch.setattr(module, "_LONG", 0.01)
    with activity("Attacking", enabled=False):
        time.sleep(0.1)
    assert capsys.readouterr().err == ""


def test_errors_pass_and_end_it(capsys, monkeypatch):
    monkeypatch.setattr(module, "_LONG", 0.1)
    with pytest.raises(OSError), activity("Attacking"):
        raise OSError
    time.sleep(0.2)
    assert capsys.readouterr().err == ""
