"""The signs from the front."""

import numpy as np
import pytest

from zoo.training.datasets import LISA_CLASSES
from zoo.training.datasets.rendered_signs.designs import designs
from zoo.training.datasets.rendered_signs.designs import frontal
from zoo.training.datasets.rendering.drawing import Drawing

# Shares of the unit square, by the shapes' formulas.
AREAS = {
    "stop": 0.96**2 * 2 * (np.sqrt(2) - 1),
    "merge": 2 * 0.49**2,
    "speedLimit45": 0.768 * 0.96,
    "yield": 0.5 * 0.96 * 0.83,
}
RED, YELLOW, WHITE = (178, 28, 38), (248, 186, 14), (240, 240, 236)


def pixels(name, size=256):
    picture = frontal(LISA_CLASSES.index(name), 0, size)
    return np.asarray(picture)


@pytest.mark.parametrize("name", AREAS)
def test_plates_have_their_shape(name):
    covered = pixels(name)[..., 3].mean() / 255
    assert covered == pytest.approx(AREAS[name], rel=0.02)


@pytest.mark.parametrize(
    ("name", "place", "colour"),
    [
        ("stop", (128, 40), RED),
        ("stop", (128, 9), WHITE),
        ("yield", (60, 34), RED),
        ("yield", (128, 110), WHITE),
        ("merge", (60, 128), YELLOW),
        ("signalAhead", (128, 77), RED),
        ("speedLimit25", (128, 118), WHITE),
    ],
)
def test_colours_are_where_the_manual_has_them(name, place, colour):
    x, y = place
    np.testing.assert_array_equal(pixels(name)[y, x], (*colour, 255))


def test_every_class_has_a_sign_of_its_own():
    fronts = [pixels(name, 32)[..., :3].astype(int) for name in LISA_CLASSES]
    for first in range(len(fronts)):
        for second in range(first):
            apart = np.abs(fronts[first] - fronts[second]).mean()
            assert apart > 1, (LISA_CLASSES[first], LISA_CLASSES[second])


def test_speed_limits_differ_in_their_number_alone():
    first, second = (pixels(f"speedLimit{n}") for n in (25, 35))
    different = np.any(first != second, axis=-1)
    assert different[128:, :128].any()
    assert not different[:118].any()


def test_unreadable_limits_have_no_dark_stroke_left():
    inside = slice(60, -60)
    assert pixels("speedLimit25")[inside, inside, :3].min() < 40
    for number in range(len(designs(LISA_CLASSES.index("speedLimitUrdbl")))):
        label = LISA_CLASSES.index("speedLimitUrdbl")
        blurred = np.asarray(frontal(label, number, 256))
        assert blurred[inside, inside, :3].min() > 60
        assert blurred[16:-16, 128, 3].min() == 255


def test_smaller_pictures_are_averages():
    large, small = pixels("stop", 256) / 255, pixels("stop", 64) / 255
    premultiplied = large[..., :3] * large[..., 3:]
    averages = premultiplied.reshape(64, 4, 64, 4, 3).mean((1, 3))
    np.testing.assert_allclose(
        small[..., :3] * small[..., 3:], averages, atol=0.02
    )


def test_words_fill_their_box():
    drawing = Drawing(64)
    drawing.text("STOP", (0.25, 0.25, 0.75, 0.5), (255, 0, 0))
    rows, columns = np.nonzero(np.asarray(drawing.picture())[..., 3] > 100)
    assert (rows.min(), rows.max()) == (16, 31)
    assert (columns.min(), columns.max()) == (16, 47)


def test_arrows_end_at_their_tip():
    drawing = Drawing(100)
    drawing.arrow(np.array([(0.2, 0.5), (0.8, 0.5)]), 0.1, (0, 0, 0))
    covered = np.asarray(drawing.picture())[..., 3] > 128
    rows, columns = np.nonzero(covered)
    assert (columns.min(), columns.max()) == (20, 79)
    assert np.ptp(rows) + 1 == pytest.approx(30, abs=1)  # Three times as wide.
    assert covered[:, 30].sum() == pytest.approx(10, abs=1)
