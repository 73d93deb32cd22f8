"""14 ms against 30 ms."""

import pytest


def test_ratios_are_of_the_seconds(reproduce, asked):
    page, parts = reproduce("time")
    ratios, seconds = (parts["time"].data[k] for k in ("ratios", "seconds"))
    assert set(ratios) == {"irm", "own_scales", "largest_scale"}
    for name, ratio in ratios.items():
        assert ratio == pytest.approx(seconds["irm"] / seconds[name])
    assert ("**is not met**" in page) == (ratios["largest_scale"] > 0.47)
    assert asked == []  # It needs no data.
