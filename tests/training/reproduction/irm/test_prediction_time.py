"""14 ms against 30 ms."""

import numpy as np
import pytest

import zoo
from zoo.training.reproduction.irm import prediction_time
from zoo.training.reproduction.irm.prediction_time import share_of_largest


def test_ratios_are_of_the_seconds(reproduce, asked):
    page, exhibits = reproduce("time")
    ratios, seconds = (exhibits["time"].data[k] for k in ("ratios", "seconds"))
    assert set(ratios) == {"irm", "own_scales", "largest_scale"}
    for name, ratio in ratios.items():
        assert ratio == pytest.approx(seconds["irm"] / seconds[name])
    assert ("**is not met**" in page) == (ratios["largest_scale"] > 0.47)
    assert asked == []  # It needs no data.
    # 144, 256 and 400 of three times 400.
    assert "the scales 12, 16, 20 should cost 0.6667 of three" in page
    assert "the paper's 32, 64, 128 0.4375" in page


def test_members_are_read_at_one_scale_each(asked, monkeypatch):
    built, timed = [], {}
    load = zoo.load

    def watched(name, **options):
        built.append(options.get("scales"))
        return load(name, **options)

    def time_once(runners, *, rounds):
        timed.update({name: run() for name, run in runners.items()})
        return dict.fromkeys(runners, 1.0)

    monkeypatch.setattr(zoo, "load", watched)
    monkeypatch.setattr(prediction_time, "interleaved_medians", time_once)
    prediction_time.prediction_seconds("irm_wrn16_2", batch_size=2, rounds=1)
    assert built == [None, (12,), (16,), (20,), (20,), (20,), (20,)]
    for name, members in (("irm", 1), ("own_scales", 3), ("largest_scale", 3)):
        np.testing.assert_allclose(timed[name].sum(1), members, rtol=1e-5)


@pytest.mark.parametrize(
    ("scales", "share"), [((64,), 1), ((7, 7), 1), ((32, 64, 128), 0.4375)]
)
def test_share_of_the_pixels(scales, share):
    assert share_of_largest(scales) == share
