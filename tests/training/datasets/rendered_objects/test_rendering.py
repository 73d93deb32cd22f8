"""Objects before backgrounds."""

import hashlib

import numpy as np
import pytest
from PIL import Image
from scipy import stats

from zoo.training.datasets.rendered_objects import rendering
from zoo.training.datasets.rendered_objects import tux
from zoo.training.datasets.rendered_objects.meshes import CLASSES
from zoo.training.datasets.rendered_objects.rendering import LAYOUT
from zoo.training.datasets.rendered_objects.rendering import PAINTED
from zoo.training.datasets.rendered_objects.rendering import render_object
from zoo.training.datasets.rendering.photographs import find_photographs

NONE = CLASSES.index("none")


@pytest.fixture(scope="module")
def flat(tmp_path_factory):
    """A folder of flat photographs, one a split, and the grey of each."""
    folder = tmp_path_factory.mktemp("flat")
    for grey in (60, 120, 180):
        Image.new("L", (80, 80), grey).save(folder / f"{grey}.png")
    greys = {
        photograph.split: int(photograph.path.stem)
        for photograph in find_photographs(folder)
    }
    return str(folder), greys


@pytest.mark.parametrize("split", ["train", "validation", "test"])
@pytest.mark.parametrize("label", range(3))
def test_objects_are_blended_over_their_split_s_photograph(label, split, flat):
    """Alpha counts once, also where it is soft."""
    folder, greys = flat
    shown = render_object(split, label, backgrounds=folder)
    image, alpha, clean = (
        pixels.astype(float)
        for pixels in (shown.image, shown.alpha, shown.clean)
    )
    expected = clean + (1 - alpha / 255) * greys[split]
    np.testing.assert_allclose(image, expected, atol=1.01)
    assert (image[alpha == 0] == greys[split]).all()
    np.testing.assert_array_equal(image[alpha == 255], clean[alpha == 255])
    soft = (alpha > 0) & (alpha < 255)
    assert soft.sum() > 20 and (clean[soft] <= alpha[soft] + 1).all()
    assert 0.04 < (alpha / 255).mean() < 0.5


def test_none_is_a_background_alone(flat):
    folder, greys = flat
    shown = render_object("train", NONE, backgrounds=folder)
    assert (shown.image == greys["train"]).all()
    for array in (shown.alpha, shown.clean, shown.pose):
        assert not array.any()


@pytest.mark.parametrize("label", range(4))
def test_arrays_are_as_the_layout_says(label):
    shown = render_object("validation", label, backgrounds=PAINTED)
    for name, (shape, dtype) in LAYOUT.items():
        array = getattr(shown, name)
        assert array.shape == shape and array.dtype == dtype


@pytest.mark.parametrize("label", range(3))
def test_darkest_and_brightest_greys_are_stretched(label):
    """15 % of an object are black and 15 % white, over all poses."""
    low, high = rendering._greys(label, "ellipsoids")
    assert low < high
    poses = np.array(
        [[x, y, 0] for x in (-0.5, 0, 0.5) for y in (-0.5, 0, 0.5)]
    )
    greys = []
    for pose in poses:
        clean, alpha = rendering.draw_object(label, pose)
        greys.append(clean[alpha > 0] / alpha[alpha > 0])
    greys = np.concatenate(greys)
    assert (greys < 1e-9).mean() == pytest.approx(0.15, abs=0.06)
    assert (greys > 255 - 1e-9).mean() == pytest.approx(0.15, abs=0.06)


@pytest.mark.skipif(
    not tux.SHAPE.is_file(), reason="extremetuxracer-data is not installed"
)
def test_tux_is_drawn_in_the_penguin_s_place():
    _, alpha = rendering.draw_object(2, np.zeros(3), penguin="tux")
    rows, columns = np.nonzero(alpha)
    assert 0.15 < alpha.mean() < 0.3
    assert rows.min() > 2 and rows.max() < 61 and np.ptp(rows) > 45
    assert abs(columns.mean() - 31.5) < 2


def test_angles_are_uniform_and_of_their_own(monkeypatch):
    nothing = np.zeros((64, 64))
    monkeypatch.setattr(
        rendering, "draw_object", lambda *args, **kwargs: (nothing, nothing)
    )
    monkeypatch.setattr(rendering, "_background", lambda *args: nothing)
    poses = np.array(
        [
            render_object(split, 4 * index + label).pose
            for split in ("train", "test")
            for index in range(150)
            for label in range(3)
        ]
    )
    assert len(np.unique(poses)) == poses.size
    for angles in poses.T:
        assert np.abs(angles).max() <= 0.5
        assert stats.kstest(angles + 0.5, "uniform").pvalue > 0.01


def test_what_was_rendered_before_changes_nothing():
    late = render_object("test", 5, backgrounds=PAINTED)
    again = [
        render_object("test", index, backgrounds=PAINTED) for index in range(6)
    ][5]
    for name in LAYOUT:
        np.testing.assert_array_equal(getattr(late, name), getattr(again, name))
    others = [
        render_object("train", 5, backgrounds=PAINTED),
        render_object("test", 9, backgrounds=PAINTED),
        render_object("test", 5, backgrounds=PAINTED, seed=1),
    ]
    for other in others:
        assert (other.pose != late.pose).all()


def test_the_same_seed_gives_the_same_bytes():
    """On every Python that is supported; the versions are pinned."""
    digest = hashlib.sha256()
    for index in range(8):
        shown = render_object("test", index, backgrounds=PAINTED)
        for name in LAYOUT:
            digest.update(getattr(shown, name).tobytes())
    assert digest.hexdigest() == (
        "8c9e799ce1dcc891dac35450fdeaf8daf8a86446682bd643af4e2efd4d9273b6"
    )
