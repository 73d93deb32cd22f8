"""What reaches standard output is what was meant."""

import argparse
import json
import os

import pytest
from rich.table import Table

from zoo.cli.output import check_writable
from zoo.cli.output import emit
from zoo.cli.output import printable

PATH = f"/tmp/[v2]/{'long/' * 40}w.h5"


def printed(capsys, *shown):
    emit(argparse.Namespace(json=False), None, *shown)
    return capsys.readouterr().out


def test_text_is_printed_as_it_is(capsys):
    assert printed(capsys, PATH, "[bold]:boot:") == f"{PATH}\n[bold]:boot:\n"


HOSTILE = "\x1b[31mcat\x1b[0m\r\nerror: gone\x9b2J\u202etac\t"


def test_what_a_terminal_would_obey_is_escaped(capsys):
    assert printable(HOSTILE) == (
        r"\x1b[31mcat\x1b[0m\r\nerror: gone\x9b2J\u202etac\t"
    )
    assert printed(capsys, HOSTILE) == f"{printable(HOSTILE)}\n"
    assert printable("\udcff.png") == "\\udcff.png"
    assert printable("café [b]$x$ 猫 ✓") == "café [b]$x$ 猫 ✓"


def test_tables_escape_it_too(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    table = Table("\x1b[2Jhead", title=HOSTILE, caption="\x9b\x07")
    table.add_row("one\ntwo\x1b]0;title\x07")
    text = printed(capsys, table)
    assert not set(text) & set("\x1b\x07\x9b\r\t\u202e")
    for part in (r"\x1b[2Jhead", r"\x1b[31mcat", r"two\x1b]0;title\x07"):
        assert part in text


def test_json_says_the_same_harmlessly(capsys):
    emit(argparse.Namespace(json=True), {HOSTILE: HOSTILE})
    text = capsys.readouterr().out
    assert not set(text) & set("\x1b\x9b\r\t\u202e")
    assert json.loads(text) == {HOSTILE: HOSTILE}


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_json_holds_numbers_alone(capsys, number):
    with pytest.raises(ValueError, match="not JSON compliant"):
        emit(argparse.Namespace(json=True), {"loss": number})
    assert capsys.readouterr().out == ""


def test_what_can_be_written(tmp_path):
    """Nothing is made or changed."""
    file = tmp_path / "file"
    file.write_text("kept")
    check_writable(file)
    check_writable(tmp_path / "deep" / "er" / "report.json")
    with pytest.raises(IsADirectoryError, match="Received: the folder"):
        check_writable(tmp_path)
    for path in (file / "report.json", file / "deep" / "report.json"):
        with pytest.raises(NotADirectoryError, match=f"{file} is not a fold"):
            check_writable(path)
    (tmp_path / "dangling").symlink_to(tmp_path / "missing")
    with pytest.raises(NotADirectoryError, match="dangling is not a folder"):
        check_writable(tmp_path / "dangling" / "report.json")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["dangling", "file"]
    assert file.read_text() == "kept"


def test_folders_must_be_writable(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path)
    with pytest.raises(PermissionError, match="may not be written"):
        check_writable(tmp_path / "report.json")


def test_cells_and_titles_hold_no_markup(capsys):
    table = Table("[red]head", title="[b]", caption="/tmp/[v2]/w.h5")
    table.add_row("[link=x]:boot:")
    text = printed(capsys, table)
    for part in ("[red]head", "[b]", "/tmp/[v2]/w.h5", "[link=x]:boot:"):
        assert part in text


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="needs /proc")
def test_folders_that_take_no_files_are_told_before_the_work():
    """Root may write to /proc by its mode."""
    with pytest.raises(PermissionError, match="/proc may not be written"):
        check_writable("/proc/report.json")
