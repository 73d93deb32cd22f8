"""`zoo tune`."""

import pytest

from tests.command_line import failed
from tests.command_line import run
from tests.command_line import run_json
from zoo.cli import main

FAST = ("--limit", 8, "--draws", 1, "--attack", "fgsm:eps=0.1")


def test_all_combinations_of_two_scales(capsys, published):
    command = "tune", "irm_wrn16_2", *FAST, "--values", "0.1,1"
    result = run_json(capsys, *command)
    assert result["model"] == "irm_wrn16_2"
    assert result["attack"].startswith("fgsm(norm='l2', eps=0.1")
    rows = result["weights"]
    assert sorted(row["weights"] for row in rows) == [
        [0.1, 1],
        [1, 0.1],
        [1, 1],
    ]
    assert [row["weights"] for row in rows if row["own"]] == [[0.1, 1]]
    for row in rows:
        assert row["scales"] == [12, 16]
        assert {row["clean"], row["adversarial"]} <= {n / 8 for n in range(9)}
    text = run(capsys, *command, "--top", 1)
    lines = [line for line in text.splitlines() if "%" in line]
    assert len(lines) == (1 if rows[0]["own"] else 2)
    assert "the model's" in lines[-1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("wrn16_2", *FAST), "must end in a MultiScaleEnsemble"),
        (("irm_wrn16_2", "--attack", "standard"), "takes one attack, no suite"),
        (("irm_wrn16_2", *FAST, "--values", "0,1"), "must be above 0"),
    ],
)
def test_mistakes_are_named(capsys, published, arguments, message):
    assert message in failed(capsys, "tune", *arguments)


def test_values_are_numbers(capsys):
    with pytest.raises(SystemExit):
        main(["tune", "irm_wrn16_2", "--values", "0.1,many"])
    assert "Received: 0.1,many" in capsys.readouterr().err
