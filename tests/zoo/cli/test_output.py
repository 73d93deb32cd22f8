"""What reaches standard output is what was meant."""

import argparse

from rich.table import Table

from zoo.cli.output import emit

PATH = f"/tmp/[v2]/{'long/' * 40}w.h5"


def printed(capsys, *shown):
    emit(argparse.Namespace(json=False), None, *shown)
    return capsys.readouterr().out


def test_text_is_printed_as_it_is(capsys):
    assert printed(capsys, PATH, "[bold]:boot:") == f"{PATH}\n[bold]:boot:\n"


def test_cells_and_titles_hold_no_markup(capsys):
    table = Table("[red]head", title="[b]", caption="/tmp/[v2]/w.h5")
    table.add_row("[link=x]:boot:")
    text = printed(capsys, table)
    for part in ("[red]head", "[b]", "/tmp/[v2]/w.h5", "[link=x]:boot:"):
        assert part in text
