"""`zoo reproduce`: options of the command line."""

import pytest

from tests.command_line import failed
from tests.command_line import run
from zoo.cli import main
from zoo.training.reproduction import irm


def test_options_of_the_command_line(monkeypatch, capsys, tmp_path):
    called = {}

    def reproduce(settings, output, *, only):
        called.update(settings=settings, output=output, only=only)
        return []

    monkeypatch.setattr(irm, "reproduce", reproduce)
    run(
        capsys,
        *("reproduce", "irm", "--only", "tab4", "--only", "time"),
        *("--output", tmp_path, "--workdir", tmp_path / "work"),
        *("--limit", 5, "--attack-limit", 3, "--eps", 0.05, "--seed", 7),
    )
    assert called["only"] == ["tab4", "time"]
    assert called["output"] == tmp_path
    assert called["settings"] == irm.Settings(
        workdir=tmp_path / "work", limit=5, attack_limit=3, eps=0.05, seed=7
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("imr",), "Did you mean 'irm'"),
        (("irm", "--only", "tab3"), "Received: tab3"),
    ],
)
def test_wrong_options_are_one_line(arguments, said, capsys, tmp_path):
    line = failed(capsys, "reproduce", *arguments, "--workdir", tmp_path)
    assert said in line


def test_numbers_out_of_range_are_named_as_typed(capsys, tmp_path):
    with pytest.raises(SystemExit) as left:
        main(["reproduce", "irm", "--limit", "0", "--workdir", str(tmp_path)])
    assert left.value.code == 2
    assert "argument --limit: must be a whole number" in capsys.readouterr().err
    assert not any(tmp_path.iterdir())
