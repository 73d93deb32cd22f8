"""Bars, read back from the picture's pixels."""

import numpy as np
import pytest
from PIL import Image

from zoo.training.evaluation.plots.bars import bar_chart

BLUE, ORANGE = (0x09, 0x69, 0xDA), (0xBC, 0x4C, 0x00)


def area(path, color):
    """Counts the pixels of exactly this colour."""
    pixels = np.asarray(Image.open(path).convert("RGB"))
    return int((pixels == color).all(-1).sum())


def test_bars_are_as_high_as_their_fractions(tmp_path):
    path = tmp_path / "bars.png"
    series = {"low": [0.25, 0.25], "high": [0.75, 0.75]}
    bar_chart(["a", "b"], series, path, title="$two$ groups")
    ratio = area(path, ORANGE) / area(path, BLUE)
    assert ratio == pytest.approx(3, rel=0.1)


def test_intervals_are_lines_over_the_bars(tmp_path):
    """As high as Wilson's of 20 images and of 200: 70.1 % and 56.9 %."""
    tops = []
    for images in (200, 20):
        path = tmp_path / f"{images}.png"
        bar_chart(["a"], {"low": [0.5]}, path, title="", images=[images])
        pixels = np.asarray(Image.open(path).convert("RGB"))
        middle = slice(pixels.shape[1] * 2 // 5, pixels.shape[1] * 3 // 5)
        dark = (pixels[:, middle] < 60).all(-1).any(1)
        tops.append(int(np.flatnonzero(dark).min()))
    height = int((pixels == BLUE).all(-1).any(1).sum())  # Of 50 %.
    expected = (0.7007 - 0.5688) / 0.5 * height
    assert tops[0] - tops[1] == pytest.approx(expected, abs=4)


def test_no_series_is_an_empty_picture(tmp_path):
    bar_chart(["a"], {}, tmp_path / "bars.png", title="nothing")
    assert area(tmp_path / "bars.png", BLUE) == 0


def test_series_have_a_value_a_group(tmp_path):
    with pytest.raises(ValueError, match="1 of 'low'"):
        bar_chart(["a", "b"], {"low": [0.5]}, tmp_path / "x.png", title="")
    assert not list(tmp_path.iterdir())
