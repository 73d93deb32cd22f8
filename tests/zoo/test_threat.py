"""The adversary as data."""

import dataclasses

import numpy as np
import pytest

from zoo.threat import ThreatModel


def test_is_plain_comparable_data():
    threat = ThreatModel("l2", eps=1)
    assert threat == ThreatModel(norm="l2", eps=1.0)
    assert dataclasses.asdict(threat) == {"norm": "l2", "eps": 1.0}
    assert str(threat) == "l2, eps 1"
    with pytest.raises(dataclasses.FrozenInstanceError):
        threat.eps = 2.0


def test_has_one_title_in_all_tables():
    assert ThreatModel("l2", eps=1).title == "L2 1"
    assert ThreatModel("linf", eps=8 / 255).title == "L∞ 0.0314"


def test_takes_numpy_numbers():
    assert type(ThreatModel("linf", eps=np.float32(0.5)).eps) is float


@pytest.mark.parametrize("norm", ["L2", "l1", "", 2, None])
def test_unknown_norm(norm):
    with pytest.raises(ValueError, match="norm.*linf.*l2.*Received: norm="):
        ThreatModel(norm, eps=0.1)


def test_pixels_cannot_change_by_more_than_one():
    with pytest.raises(ValueError, match="at most 1 in linf.*Received: eps=8"):
        ThreatModel("linf", eps=8)
    assert ThreatModel("linf", eps=1).eps == 1
    assert ThreatModel("l2", eps=8).eps == 8


@pytest.mark.parametrize(
    "eps", [0, -0.1, float("nan"), float("inf"), "8/255", None, True]
)
def test_impossible_radius(eps):
    with pytest.raises(ValueError, match="above 0. Received: eps="):
        ThreatModel("linf", eps=eps)
