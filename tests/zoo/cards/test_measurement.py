"""Measurements: what a card holds of each, and how they read."""

import json

import pytest

from zoo.cards.measurement import Measurement
from zoo.threat import ThreatModel

CLEAN = {
    "attack": "clean",
    "accuracy": 0.9375,
    "images": 1000,
    "seed": 0,
    "date": "2026-01-02",
}
PGD = CLEAN | {
    "attack": "pgd",
    "norm": "linf",
    "eps": 8 / 255,
    "commit": "0123abc",
    "steps": 40,
    "restarts": 1,
    "draws": 2,
    "scoring_draws": 10,
    "interval": [0.921, 0.954],
    "worst_draw": 0.9,
    "attack_policy": "float32",
}


@pytest.mark.parametrize(
    "data",
    [
        CLEAN,
        PGD,
        PGD | {"cumulative": True, "runs": [0.75, 0.5]},
        PGD | {"flags": ["lucky draws: apgd stopped"]},
    ],
)
def test_layout_is_kept(data):
    measurement = Measurement.from_dict(json.loads(json.dumps(data)))
    assert measurement.to_dict() == data


def test_none_is_left_out():
    nothing = {"norm": None, "eps": None, "commit": None, "extra": None}
    nothing |= {"cumulative": False}
    assert Measurement.from_dict(CLEAN | nothing).to_dict() == CLEAN


def test_fields():
    measurement = Measurement.from_dict(PGD)
    assert measurement.threat == ThreatModel("linf", 8 / 255)
    assert measurement.interval == (0.921, 0.954)
    assert measurement.attack_policy == "float32"
    assert not measurement.cumulative
    assert measurement.others == {"worst_draw": 0.9}


def test_several_runs_read_well():
    measurement = Measurement.from_dict(PGD | {"runs": [0.94, 0.96, 0.95]})
    assert measurement.runs == (0.94, 0.96, 0.95)
    assert measurement.effort.endswith("worst of 3 runs (95.0% ± 1.0%)")


def test_reads_well():
    measurement = Measurement.from_dict(PGD)
    assert measurement.estimate == "93.8% (92.1% to 95.4%)"
    assert measurement.effort == (
        "1000 images, 40 steps, 1 restart, 2 draws, 10 scoring draws"
    )
    assert str(measurement).endswith(
        f"{measurement.effort}, seed 0, 2026-01-02, commit 0123abc"
    )
    for commit, shown in (
        ("0123abcdef", ", commit 0123abc"),
        ("0123abcdef-dirty", ", commit 0123abc-dirty"),
        (None, ", 2026-01-02"),
    ):
        another = Measurement.from_dict(PGD | {"commit": commit})
        assert str(another).endswith(shown)
    left = Measurement.from_dict(PGD | {"cumulative": True})
    assert f"{left.effort}, after those above, seed 0" in str(left)
    clean = Measurement.from_dict(CLEAN)
    assert clean.estimate == "93.8%"
    assert clean.effort == "1000 images"


@pytest.mark.parametrize(
    "change",
    [
        {"attack": None},
        {"accuracy": None},
        {"accuracy": 93.75},
        {"accuracy": float("nan")},
        {"images": 0},
        {"eps": 0.1},
    ],
)
def test_impossible_values(change):
    with pytest.raises(ValueError, match="Received: "):
        Measurement.from_dict(CLEAN | change)
