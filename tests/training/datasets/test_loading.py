"""Data sets by name."""

import configparser
import importlib.resources
import sys

import numpy as np
import pytest

from tests.paths import ROOT
from zoo.training import datasets


def test_packaged_sample_is_512_test_images():
    dataset = datasets.load("fashion_mnist_sample", batch_size=200)
    batches = list(dataset.as_numpy_iterator())
    assert [len(labels) for _, labels in batches] == [200, 200, 112]
    images = np.concatenate([images for images, _ in batches])
    labels = np.concatenate([labels for _, labels in batches])
    assert images.shape == (512, 28, 28, 1)
    assert images.dtype == "float32" and labels.dtype == "int64"
    assert images.min() == 0.0 and images.max() == 1.0
    # The published test set begins with these ten labels.
    assert labels[:10].tolist() == [9, 2, 1, 1, 6, 1, 4, 6, 5, 7]
    assert set(labels) == set(range(10))


def test_licence_travels_with_the_packaged_images():
    files = importlib.resources.files("zoo.training.datasets") / "files"
    notice = (files / "LICENSE.fashion_mnist").read_text("utf-8")
    assert "2017 Zalando SE" in notice
    assert "Permission is hereby granted, free of charge" in notice
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    # The code's and the images'.
    expression = settings["metadata"]["license_expression"]
    assert expression == "Apache-2.0 AND MIT"
    listed = settings["metadata"]["license_files"].split()
    assert "training/datasets/files/LICENSE.fashion_mnist" in listed
    assert all((ROOT / name).is_file() for name in listed)


def test_pixels_are_on_the_8_bit_grid():
    images = np.stack(
        [i for i, _ in datasets.load("fashion_mnist_sample").take(20)]
    )
    np.testing.assert_allclose(images * 255, np.rint(images * 255), atol=1e-4)


def test_shuffling_is_seeded_and_reshuffles():
    def labels(seed):
        dataset = datasets.load(
            "fashion_mnist_sample", batch_size=512, shuffle=True, seed=seed
        )
        return [next(iter(dataset))[1].numpy() for _ in range(2)]

    (first, second), (again, _), (other, _) = labels(0), labels(0), labels(1)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, other)
    assert sorted(first) == sorted(other)


def test_unknown_set_is_refused():
    with pytest.raises(ValueError, match="Received: name='nonsense'"):
        datasets.load("nonsense")


@pytest.mark.parametrize(
    ("misspelt", "near"),
    [
        ("fashion_mnits", "fashion_mnist"),
        ("fashion_mnist_smaple", "fashion_mnist_sample"),
        ("cifar1O", "cifar10"),
    ],
)
def test_misspelt_set_gets_a_near_name(misspelt, near):
    with pytest.raises(ValueError, match=f"Did you mean '{near}'"):
        datasets.load(misspelt)


def test_misspelt_packaged_set_gets_a_near_name_without_tfds(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(ImportError, match="Did you mean 'fashion_mnist_sam"):
        datasets.load("fashion_mnist_smaple")


@pytest.mark.parametrize("known", ["rendered_signs/crops32", "rendered_signs"])
def test_known_set_gets_no_near_name_without_tfds(monkeypatch, known):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(ImportError, match=r"^rend.*in a clone\.$"):
        datasets.load(known)


def test_packaged_set_has_one_split():
    with pytest.raises(ValueError, match="Received: split='train'"):
        datasets.load("fashion_mnist_sample", "train")


def test_unprepared_set_says_how_to_prepare_it(tmp_path, monkeypatch):
    import tensorflow_datasets as tfds

    def unreachable(*args, **kwargs):
        raise OSError("no network")

    monkeypatch.setattr(
        tfds.core.DatasetBuilder, "download_and_prepare", unreachable
    )
    with pytest.raises(ConnectionError, match="datasets.fashion_mnist"):
        datasets.load("fashion_mnist", data_dir=tmp_path)
