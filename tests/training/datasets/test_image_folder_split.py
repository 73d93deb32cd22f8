"""Folders of pictures in two parts."""

import shutil
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from zoo.training import datasets
from zoo.training.datasets.arrays import gather_examples

SHAPE = (2, 2, 1)
CLASSES = ["ant", "bee"]


def write(folder, counts):
    """Writes flat pictures, each of a grey level of its own."""
    grey = 0
    for name, count in counts.items():
        (folder / name).mkdir(parents=True)
        for index in range(count):
            Image.new("L", (3, 3), grey).save(folder / name / f"{index}.png")
            grey += 1
    return folder


def split(folder, **options):
    """Returns grey level and class of the pictures in each part."""
    options = {"image_shape": SHAPE, "classes": CLASSES} | options
    parts = datasets.split_folder(folder, **options)
    return [
        [
            (round(255 * float(image.mean())), int(label))
            for image, label in zip(*gather_examples(part), strict=True)
        ]
        for part in parts
    ]


def test_the_same_share_of_each_class_is_held_out(tmp_path):
    folder = write(tmp_path, {"ant": 20, "bee": 5})
    train, held_out = split(folder, held_out=0.2)
    assert Counter(label for _, label in train) == {0: 16, 1: 4}
    assert Counter(label for _, label in held_out) == {0: 4, 1: 1}
    assert {grey for grey, _ in train + held_out} == set(range(25))


def test_at_least_one_picture_on_each_side(tmp_path):
    folder = write(tmp_path, {"ant": 2, "bee": 3})
    for share, held in ((0.01, {0: 1, 1: 1}), (0.99, {0: 1, 1: 2})):
        _, held_out = split(folder, held_out=share)
        assert Counter(label for _, label in held_out) == held


def test_the_seed_chooses(tmp_path):
    folder = write(tmp_path, {"ant": 10, "bee": 10})
    (_, first), (_, again), (_, other) = (
        split(folder, seed=seed) for seed in (1, 1, 2)
    )
    assert first == again
    assert set(first) != set(other)


def test_training_images_are_reshuffled(tmp_path):
    folder = write(tmp_path, {"ant": 10, "bee": 10})
    parts = datasets.split_folder(folder, image_shape=SHAPE, classes=CLASSES)
    orders = [
        [gather_examples(part)[0].mean((1, 2, 3)).tolist() for _ in range(2)]
        for part in parts
    ]
    assert orders[0][0] != orders[0][1]
    assert orders[1][0] == orders[1][1]


def test_another_folder_may_be_held_out(tmp_path):
    folder = write(tmp_path / "train", {"ant": 1, "bee": 3})
    other = write(tmp_path / "test", {"bee": 2})
    train, held_out = split(folder, held_out=other)
    assert Counter(label for _, label in train) == {0: 1, 1: 3}
    assert Counter(label for _, label in held_out) == {1: 2}


def test_pixels_are_in_the_unit_range(tmp_path):
    folder = write(tmp_path, {"ant": 2, "bee": 2})
    Image.new("L", (3, 3), 255).save(folder / "ant" / "0.png")
    images = np.concatenate(
        [
            gather_examples(part)[0]
            for part in datasets.split_folder(
                folder, image_shape=SHAPE, classes=CLASSES
            )
        ]
    )
    assert images.dtype == "float32" and images.max() == 1.0


def test_hidden_copies_are_on_neither_side(tmp_path, recwarn):
    """Jupyter keeps what it has opened in hidden folders."""
    folder = write(tmp_path, {"ant": 10, "bee": 10})
    for name in CLASSES:
        shutil.copytree(
            folder / name, folder / name / ".ipynb_checkpoints" / "x"
        )
    train, held_out = split(folder, held_out=0.3)
    assert (len(train), len(held_out)) == (14, 6)
    assert not set(train) & set(held_out)
    assert not recwarn.list


@pytest.mark.parametrize("held_out", [0.5, "other"])
def test_copies_on_both_sides_are_told_whatever_their_names(tmp_path, held_out):
    folder = write(tmp_path / "train", {"ant": 1, "bee": 4})
    if held_out == "other":
        held_out = write(tmp_path / "test", {"bee": 1})
        Image.new("L", (3, 3), 200).save(folder / "ant" / "200.png")
    else:
        shutil.copy(folder / "ant" / "0.png", folder / "ant" / "copy.png")
    with pytest.warns(UserWarning, match=r"1 of the pictures.*ant.0\.png"):
        datasets.split_folder(
            folder, image_shape=SHAPE, classes=CLASSES, held_out=held_out
        )


@pytest.mark.parametrize(
    "counts, options, message",
    [
        ({"ant": 4}, {"classes": ["ant"]}, "two classes or more.*ant in"),
        ({"ant": 4, "bee": 1}, {}, "2 or more pictures. Received: 1 of bee in"),
        (
            {"ant": 4, "bee": 0},
            {"held_out": "train"},
            "1 or more pictures. Received: 0 of bee in",
        ),
        ({"ant": 2, "bee": 2}, {"held_out": 1.0}, "held_out=1.0"),
        ({"ant": 2, "cat": 2}, {}, "Received: cat"),
    ],
)
def test_too_little_to_learn_from(
    tmp_path, monkeypatch, counts, options, message
):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "train", counts)
    with pytest.raises(ValueError, match=message):
        split("train", **options)


def test_missing_folders(tmp_path):
    folder = write(tmp_path / "train", {"ant": 2, "bee": 2})
    with pytest.raises(FileNotFoundError, match="missing"):
        split(tmp_path / "missing")
    with pytest.raises(FileNotFoundError, match="missing"):
        split(folder, held_out=tmp_path / "missing")
