"""The samples inside the package."""

import importlib.resources

import numpy as np

from zoo.training import datasets
from zoo.training.datasets.arrays import gather_examples
from zoo.training.datasets.packaged import main
from zoo.training.datasets.packaged import render_signs


def test_signs_are_those_of_the_test_split():
    dataset = datasets.load("rendered_signs_sample")
    images, labels = gather_examples(dataset)
    assert images.shape == (255, 32, 32, 3) and labels.dtype == "int64"
    np.testing.assert_array_equal(labels, np.arange(255) % 17)
    rendered, classes = render_signs(20)
    np.testing.assert_array_equal(classes, labels[:20])
    # Other versions of Pillow may round otherwise.
    assert np.abs(255 * images[:20] - rendered).mean() < 1


def test_the_sample_of_signs_is_small():
    files = importlib.resources.files("zoo.training.datasets") / "files"
    assert (files / "rendered_signs_sample.npz").stat().st_size < 10**6


def test_the_command_writes_what_is_read(tmp_path, monkeypatch):
    few = render_signs(3)
    monkeypatch.setattr(
        "zoo.training.datasets.packaged.render_signs", lambda: few
    )
    assert main([str(tmp_path)]) == 0
    with np.load(tmp_path / "rendered_signs_sample.npz") as arrays:
        np.testing.assert_array_equal(arrays["images"], few[0])
        np.testing.assert_array_equal(arrays["labels"], few[1])
