"""`zoo tune`."""

import keras
import numpy as np
import pytest

import zoo
from tests.command_line import failed
from tests.command_line import run
from tests.command_line import run_json
from zoo.cli import main

FAST = ("--limit", 8, "--draws", 1, "--attack", "fgsm:eps=0.1")


@pytest.mark.large
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
    lines = [line for line in text.splitlines() if line.count("%") == 2]
    assert len(lines) == (1 if rows[0]["own"] else 2)
    assert "the model's" in lines[-1]
    # 1.96 sqrt(0.25 / 8) is 34.6 %.
    assert "8 images of fashion_mnist_sample" in text.replace("\n", " ")
    assert "34.6%" in text


def test_the_best_weights_are_saved(capsys, published, tmp_path):
    path = tmp_path / "tuned" / "best.keras"
    result = run_json(
        *(capsys, "tune", "irm_wrn16_2", *FAST, "--values", "0.1,1"),
        *("--save", path),
    )
    ensemble = keras.saving.load_model(path).layers[-1]
    assert list(ensemble.scale_weights) == result["weights"][0]["weights"]
    own = zoo.load("irm_wrn16_2")
    for one, other in zip(
        ensemble.classifier.get_weights(),
        own.layers[-1].classifier.get_weights(),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)
    names = (tmp_path / "tuned" / "best.classes.txt").read_text("utf-8")
    assert tuple(names.splitlines()) == zoo.info("irm_wrn16_2").classes
    evaluated = run_json(
        *(capsys, "evaluate", path, "--data", "fashion_mnist_sample"),
        *("--limit", 8, "--attack", "noise:norm=l2,eps=0.1"),
    )
    assert evaluated["images"] == 8


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("irm_wrn16_2", *FAST, "--save", "best.h5"), "must end in .keras"),
        (("wrn16_2", *FAST), "must end in a MultiScaleEnsemble"),
        (("irm_wrn16_2", "--attack", "standard"), "takes one attack, no suite"),
    ],
)
def test_mistakes_are_named(capsys, published, arguments, message):
    assert message in failed(capsys, "tune", *arguments)


@pytest.mark.parametrize("values", ["0.1,many", "0,1", "nan,1", "1,inf", ""])
def test_values_are_numbers_above_zero(capsys, values):
    with pytest.raises(SystemExit) as exit:
        main(["tune", "irm_wrn16_2", "--values", values])
    assert exit.value.code == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert "--values: must be numbers above 0 between commas" in line
    assert line.endswith(f"Received: {values}")


def test_given_names_are_saved(capsys, published, tmp_path):
    names = [f"number {index}" for index in range(10)]
    run_json(
        *(capsys, "tune", "irm_wrn16_2", *FAST, "--values", "1"),
        *("--classes", ",".join(names), "--save", tmp_path / "best.keras"),
    )
    saved = (tmp_path / "best.classes.txt").read_text("utf-8")
    assert saved.splitlines() == names
