"""14 ms against 30 ms."""

import pytest

from training.reproduction.irm.prediction_time import share_of_largest


def test_ratios_are_of_the_seconds(reproduce, asked):
    page, parts = reproduce("time")
    ratios, seconds = (parts["time"].data[k] for k in ("ratios", "seconds"))
    assert set(ratios) == {"irm", "own_scales", "largest_scale"}
    for name, ratio in ratios.items():
        assert ratio == pytest.approx(seconds["irm"] / seconds[name])
    assert ("**is not met**" in page) == (ratios["largest_scale"] > 0.47)
    assert asked == []  # It needs no data.
    # 144, 256 and 400 of three times 400.
    assert "the scales 12, 16, 20 should cost 0.6667 of three" in page
    assert "the paper's 32, 64, 128 0.4375" in page


@pytest.mark.parametrize(
    ("scales", "share"), [((64,), 1), ((7, 7), 1), ((32, 64, 128), 0.4375)]
)
def test_share_of_the_pixels(scales, share):
    assert share_of_largest(scales) == share
