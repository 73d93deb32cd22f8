"""Pictures of stamps over photographs: where the stamp is, and its light."""

import functools

import numpy as np
import pytest
from PIL import Image

from tests.training.datasets.composed_photos.conftest import save_stamp
from zoo.presets.composed_photos import CLASSES
from zoo.training.datasets.composed_photos import composing
from zoo.training.datasets.composed_photos.composing import compose
from zoo.training.datasets.composed_photos.composing import layout
from zoo.training.datasets.composed_photos.sources import find_backgrounds
from zoo.training.datasets.composed_photos.sources import find_stamps
from zoo.training.datasets.composed_photos.stamps import OBJECTS
from zoo.training.datasets.composed_photos.stamps import read_stamp


@pytest.fixture(scope="module")
def make(stamps, photographs):
    """Composes pictures of the small objects."""
    return functools.partial(
        compose, stamps=stamps, backgrounds=photographs, size=64
    )


@pytest.fixture
def show(monkeypatch, photographs):
    """Composes pictures of one class with one stamp."""

    def make(stamp, index=0, size=64):
        monkeypatch.setattr(
            composing, "find_stamps", lambda *args, **options: {"it": [stamp]}
        )
        return compose("train", index, backgrounds=photographs, size=size)

    return make


@pytest.fixture
def plain_light(monkeypatch):
    """One light everywhere, and a camera that changes nothing."""
    monkeypatch.setattr(
        composing, "light", lambda rng, size: np.ones((1, 1, 1), "float32")
    )
    monkeypatch.setattr(
        composing,
        "_taken",
        lambda pixels, rng: np.rint(255 * pixels.clip(0, 1)).astype("uint8"),
    )


def same(one, other):
    return (
        np.array_equal(one.image, other.image)
        and np.array_equal(one.mask, other.mask)
        and (one.stamp, one.background) == (other.stamp, other.background)
    )


def test_a_picture_depends_on_its_number_alone(make):
    late = make("train", 7)
    again = [make("train", index) for index in range(8)][7]
    assert same(late, again)
    assert late.image.shape == (64, 64, 3) and late.mask.shape == (64, 64, 1)
    assert late.image.dtype == late.mask.dtype == np.uint8


def test_splits_seeds_and_numbers_share_no_picture(make):
    pictures = [
        make("train", 0),
        make("validation", 0),
        make("test", 0),
        make("train", 40),
        make("train", 0, seed=1),
    ]
    images = {picture.image.tobytes() for picture in pictures}
    assert len(images) == len(pictures)


def test_classes_come_in_turn(stamps, photographs, monkeypatch):
    read = []
    monkeypatch.setattr(
        composing,
        "read_stamp",
        lambda path: read.append(path) or read_stamp(path),
    )
    for index in (0, 1, 39, 40):
        compose("test", index, stamps=stamps, backgrounds=photographs, size=16)
    assert read == [
        stamps / f"{OBJECTS[CLASSES[label]]}.png" for label in (0, 1, 39, 0)
    ]


def test_a_kind_shows_all_its_stamps_and_photographs(make, stamps, photographs):
    pictures = [
        make("train", 9 * index, kinds=True, size=16) for index in range(80)
    ]
    birds = find_stamps("train", kinds=True, folder=stamps)["bird"]
    blues = find_backgrounds("train", photographs)
    assert {int(one.stamp) for one in pictures} == set(range(len(birds)))
    assert {int(one.background) for one in pictures} == set(range(len(blues)))


def test_arrays_are_as_laid_out(make):
    picture = make("test", 3)
    for name, (shape, dtype) in layout(64).items():
        array = getattr(picture, name)
        assert (array.shape, array.dtype) == (shape, dtype)


def test_the_mask_is_where_the_stamp_is(make, plain_light):
    """The stamps are reddish and the backgrounds are blue."""
    for index in range(12):
        picture = make("train", index)
        blue = picture.image[..., 2].astype(float)
        red = picture.image[..., 0].astype(float)
        alpha = picture.mask[..., 0] / 255
        inside, outside = alpha == 1, alpha == 0
        assert inside.any() and outside.any()
        assert red[inside].min() > 60 and red[outside].max() == 0
        # On the edge, the two are mixed in the mask's proportion.
        expected = red[inside].mean() * alpha
        np.testing.assert_allclose(red, expected, atol=3)
        assert np.ptp(blue[outside]) <= 1


def test_a_stamp_lies_whole_within_the_picture(make):
    """At many scales; its edges are soft."""
    shares = []
    for index in range(40):
        alpha = make("test", index).mask[..., 0].astype(float)
        border = np.concatenate(
            [alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]]
        )
        assert border.max() < 255
        rows, columns = np.nonzero(alpha > 127)
        longer = max(np.ptp(rows), np.ptp(columns)) + 1
        shares.append(longer / 64)
        soft = ((alpha > 20) & (alpha < 235)).sum()
        assert soft > longer
    assert 0.5 < min(shares) < 0.75 and 0.8 < max(shares) <= 1


def test_small_stamps_are_not_enlarged_much(show, tmp_path):
    small = save_stamp(tmp_path / "small.png", (200, 0, 0), size=(20, 20))
    for index in range(6):
        picture = show(small, index, size=128)
        (rows,) = np.nonzero((picture.mask[..., 0] > 127).any(1))
        assert np.ptp(rows) + 1 <= 1.5 * 20 + 1


def test_fine_stamps_are_reduced_without_aliasing(show, tmp_path, plain_light):
    """Stripes of one pixel become their mean."""
    pixels = np.zeros((400, 400, 4), "uint8")
    pixels[..., 0] = 200 * (np.arange(400) % 2)
    pixels[..., 3] = 255
    Image.fromarray(pixels).save(tmp_path / "stripes.png")
    picture = show(tmp_path / "stripes.png")
    red = picture.image[picture.mask[..., 0] == 255][:, 0].astype(float)
    assert red.std() < 3


def test_stamps_are_turned_and_mirrored(show, tmp_path):
    """The bright half is on either side, more or less upright."""
    pixels = np.zeros((60, 60, 4), "uint8")
    pixels[..., 3] = 255
    pixels[:, 30:, 0] = 200
    Image.fromarray(pixels).save(tmp_path / "half.png")
    angles = []
    for index in range(40):
        picture = show(tmp_path / "half.png", index, size=48)
        solid = picture.mask[..., 0] == 255
        red = picture.image[..., 0]
        bright = solid & (red > np.median(red[solid]))
        dark = solid & ~bright
        y, x = np.mean(np.nonzero(bright), 1) - np.mean(np.nonzero(dark), 1)
        angles.append(np.degrees(np.arctan2(y, x)))
    mirrored = np.abs(angles) > 90
    assert 8 < mirrored.sum() < 32
    turns = np.where(mirrored, np.mod(angles, 360) - 180, angles)
    assert 10 < np.abs(turns).max() < 30


def test_light_differs_between_pictures(make):
    means = [make("train", 40 * i).image.mean() for i in range(20)]
    assert np.std(means) / np.mean(means) > 0.1
