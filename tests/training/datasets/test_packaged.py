"""The samples inside the package."""

import importlib.resources

import numpy as np

from zoo.training import datasets
from zoo.training.datasets.arrays import gather_examples
from zoo.training.datasets.rendered_signs.sample import main
from zoo.training.datasets.rendered_signs.sample import render_sample


def test_signs_are_those_of_the_test_split():
    dataset = datasets.load("rendered_signs_sample")
    images, labels = gather_examples(dataset)
    assert images.shape == (255, 32, 32, 3) and labels.dtype == "int64"
    np.testing.assert_array_equal(labels, np.arange(255) % 17)
    rendered, classes = render_sample(20)
    np.testing.assert_array_equal(classes, labels[:20])
    # Other versions of Pillow may round otherwise.
    assert np.abs(255 * images[:20] - rendered).mean() < 1


def test_the_sample_of_signs_is_small():
    files = importlib.resources.files("zoo.training.datasets") / "files"
    assert (files / "rendered_signs_sample.npz").stat().st_size < 10**6


def test_the_command_writes_what_is_read(tmp_path, monkeypatch):
    few = render_sample(3)
    monkeypatch.setattr(
        "zoo.training.datasets.rendered_signs.sample.render_sample", lambda: few
    )
    assert main([str(tmp_path / "sample.npz")]) == 0
    with np.load(tmp_path / "sample.npz") as arrays:
        np.testing.assert_array_equal(arrays["images"], few[0])
        np.testing.assert_array_equal(arrays["labels"], few[1])
