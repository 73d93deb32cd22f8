"""`zoo list`: what the rows say, and in which ball models are compared."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

import zoo
from tests.command_line import failed
from tests.command_line import run
from tests.command_line import run_json
from zoo.cards.card import write_card
from zoo.presets import base

MEASURED = {
    "attack": "clean",
    "accuracy": 0.9375,
    "images": 100,
    "seed": 0,
    "date": "2026-01-02",
    "commit": "0123abc",
}


def worst_case(accuracy, norm, eps):
    return MEASURED | {
        "attack": "worst case",
        "accuracy": accuracy,
        "norm": norm,
        "eps": eps,
    }


@pytest.fixture
def measured(published):
    """The undefended model, measured in the defended one's ball last."""
    measurements = [
        MEASURED,
        worst_case(0.25, "linf", 0.1),
        worst_case(0.0, "l2", 0.5),
        worst_case(0.0, "l2", 0.5) | {"attack": "pgd", "steps": 40},
    ]
    write_card("wrn16_2", measurements, parameters=1)


def replace(name, **changes):
    preset = base._REGISTRY[name]
    base._REGISTRY[name] = dataclasses.replace(preset, **changes)


def test_models_are_compared_in_the_ball_of_the_defended_ones(capsys, measured):
    (row,) = run_json(capsys, "list", "wrn*")
    assert row == {
        "name": "wrn16_2",
        "alias": None,
        "dataset": "fashion_mnist_sample",
        "threat": None,
        "trained": True,
        "size": zoo.info("wrn16_2").size,
        "grown_from": None,
        "clean": 0.9375,
        "ball": {"norm": "l2", "eps": 0.5},
        "worst_case": 0.0,
        "attack": "pgd-40",
    }
    text = run(capsys, "list")
    assert "worst in l2, eps 0.5" in text
    assert "93.8%  0.0%                  pgd-40" in text


def test_without_defended_ones_in_the_first_ball(capsys, measured):
    replace("irm_wrn16_2", dataset="another")
    (row,) = run_json(capsys, "list", "wrn*")
    assert row["ball"] == {"norm": "linf", "eps": 0.1}
    assert row["worst_case"] == 0.25
    assert row["attack"] is None


def test_a_ball_without_a_measurement(capsys, measured):
    replace("irm_wrn16_2", threat=zoo.ThreatModel("l2", 2.0))
    (row,) = run_json(capsys, "list", "wrn*")
    assert row["worst_case"] is None


def test_models_without_weights_are_untrained(capsys, published):
    replace("irm_wrn16_2", weights=None)
    (row,) = run_json(capsys, "list", "irm*")
    assert not row["trained"]
    text = run(capsys, "list", "irm*")
    assert "untrained" in text
    assert "l2" not in text


def test_a_pattern_that_matches_nothing_is_said(capsys):
    assert "Received: pattern='foo*'" in failed(capsys, "list", "foo*")


def test_list_needs_no_tensorflow():
    code = (
        "import sys\n"
        "from zoo.cli import main\n"
        "assert main(['list']) == main(['list', '--json']) == 0\n"
        "heavy = {'keras', 'tensorflow', 'numpy', 'h5py'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(zoo.__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stderr.strip() == "[]"


def test_default_tags_are_told_beside_other_tags(capsys):
    """README's names are those that the list shows."""
    rows = {row["name"]: row for row in run_json(capsys, "list", "blurnet_*")}
    assert rows["blurnet_tv"]["alias"] == "blurnet_tv.1e-4"
    text = run(capsys, "list", "blurnet_*")
    assert "blurnet_tv (.1e-4)" in text
    assert "blurnet_tv.1e-5 " in text
    assert "blurnet_dw3 " in text and "blurnet_dw3 (" not in text


def test_names_are_whole_in_a_narrow_terminal(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    lines = run(capsys, "list").splitlines()
    for name in zoo.list_models():
        assert any(name in line.split() for line in lines), name
