"""Photographs to cut backgrounds from."""

import collections

import numpy as np
import pytest
from PIL import Image

from zoo.training.datasets.rendering import photographs
from zoo.training.datasets.rendering.photographs import find_photographs
from zoo.training.datasets.rendering.photographs import of_split
from zoo.training.datasets.rendering.photographs import random_crop
from zoo.training.datasets.rendering.photographs import read_photograph


def write_pictures(folder, names, colour=(10, 200, 30)):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (30, 20), colour).save(path)


def names_of(found, split):
    return {photograph.name for photograph in of_split(found, split)}


def test_each_split_has_photographs_of_its_own(tmp_path):
    write_pictures(tmp_path / "own", [f"{n % 3}/{n}.png" for n in range(20)])
    (tmp_path / "own" / "notes.txt").write_text("no picture")
    found = find_photographs(tmp_path / "own")
    counts = collections.Counter(photograph.split for photograph in found)
    assert counts == {"train": 14, "validation": 2, "test": 4}
    assert len({photograph.name for photograph in found}) == 20
    assert all(p.name.startswith("own/") for p in found)


def test_three_photographs_are_enough(tmp_path):
    write_pictures(tmp_path, ["a.png", "b.jpg", "c.JPEG"])
    found = find_photographs(tmp_path)
    assert sorted(photograph.split for photograph in found) == [
        "test",
        "train",
        "validation",
    ]


def test_a_missing_package_moves_no_photograph(tmp_path, monkeypatch):
    """What is installed besides must not make a test image a training one."""
    names = tuple("abcdefghij")
    sources = {
        source: (str(tmp_path / source / "{}.png"), names)
        for source in ("first", "second")
    }
    monkeypatch.setattr(photographs, "_DEBIAN", sources)
    monkeypatch.setattr(photographs, "_scikit_image", dict)
    write_pictures(tmp_path / "second", [f"{name}.png" for name in names])
    one = find_photographs()
    write_pictures(tmp_path / "first", [f"{name}.png" for name in names[:4]])
    both = find_photographs()
    assert (len(one), len(both)) == (10, 14)
    assert set(one) < set(both)


def test_sources_may_be_chosen(tmp_path, monkeypatch):
    sources = {
        source: (str(tmp_path / source / "{}.png"), ("a", "b"))
        for source in ("first", "second")
    }
    monkeypatch.setattr(photographs, "_DEBIAN", sources)
    write_pictures(tmp_path, ["first/a.png", "first/b.png", "second/a.png"])
    found = find_photographs(sources=("first",))
    assert {photograph.path.parent.name for photograph in found} == {"first"}
    assert photographs.missing_sources(("first", "second")) == ["second"]
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert photographs.missing_sources(("foolbox", "first")) == ["foolbox"]
    assert find_photographs(sources=("foolbox",)) == []


def test_shares_of_a_split(tmp_path):
    paths = {f"{number}.png": tmp_path for number in range(20)}
    found = photographs.split_photographs(paths, test=0.5, validation=0.25)
    counts = collections.Counter(photograph.split for photograph in found)
    assert counts == {"test": 10, "validation": 5, "train": 5}


def test_splits_of_nothing_are_refused(tmp_path):
    write_pictures(tmp_path / "few", ["a.png", "b.png"])
    with pytest.raises(ValueError, match="Received: 2 pictures"):
        find_photographs(tmp_path / "few")
    with pytest.raises(FileNotFoundError, match="none"):
        find_photographs(tmp_path / "none")
    with pytest.raises(ValueError, match="Received: split='dev'"):
        of_split([], "dev")
    with pytest.raises(ValueError, match="mate-backgrounds.*0 photographs"):
        of_split([], "test")


def test_grey_weighs_channels_as_bt_709(tmp_path):
    write_pictures(tmp_path, ["a.png"], (10, 200, 30))
    grey = read_photograph(tmp_path / "a.png", grey=True)
    expected = round(0.2126 * 10 + 0.7152 * 200 + 0.0722 * 30)
    assert grey.mode == "L" and grey.getextrema() == (expected, expected)
    assert read_photograph(tmp_path / "a.png").getpixel((3, 4)) == (10, 200, 30)


def test_large_photographs_are_read_small(tmp_path):
    Image.new("RGB", (2050, 1025)).save(tmp_path / "a.png")
    assert read_photograph(tmp_path / "a.png").size == (1024, 512)


@pytest.mark.parametrize("mode, shape", [("L", (8, 8)), ("RGB", (8, 8, 3))])
def test_crops_lie_in_the_picture(mode, shape):
    """A ramp's crops are ramps too, of every place, scale and direction."""
    ramp = np.linspace(0, 255, 64).astype("uint8")
    picture = Image.fromarray(np.tile(ramp, (40, 1))).convert(mode)
    crops = [
        random_crop(np.random.default_rng(seed), picture, 8)
        for seed in range(40)
    ]
    assert {crop.shape for crop in crops} == {shape}
    rows = [crop.reshape(8, 8, -1)[0, :, 0].astype(int) for crop in crops]
    slopes = np.array([row[-1] - row[0] for row in rows])
    assert (slopes > 0).any() and (slopes < 0).any()
    assert all(
        (np.diff(row) * np.sign(slope) >= 0).all()
        for row, slope in zip(rows, slopes, strict=True)
    )
    # The least side is 8 of 64 pixels, the greatest 40.
    assert 20 < abs(slopes).min() < 40 and 100 < abs(slopes).max() < 160


def test_a_picture_smaller_than_the_crop_is_enlarged():
    picture = Image.new("L", (5, 4), 77)
    crop = random_crop(np.random.default_rng(0), picture, 8)
    assert crop.shape == (8, 8) and (crop == 77).all()


@pytest.mark.parametrize("shorter", [70, 47, 7])
def test_a_crop_of_the_whole_lies_in_the_picture(shorter):
    """The side is a logarithm's exponential, which may be a bit longer."""
    picture = Image.new("L", (shorter + 9, shorter), 77)
    crop = random_crop(np.random.default_rng(0), picture, 2 * shorter)
    assert (crop == 77).all()
