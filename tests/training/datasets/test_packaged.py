"""The samples inside the package."""

import importlib.resources

import numpy as np
import pytest

from zoo.training import datasets
from zoo.training.datasets.arrays import gather_examples
from zoo.training.datasets.rendered_objects import sample as objects
from zoo.training.datasets.rendered_signs import sample as signs


def test_signs_are_those_of_the_test_split():
    dataset = datasets.load("rendered_signs_sample")
    images, labels = gather_examples(dataset)
    assert images.shape == (255, 32, 32, 3) and labels.dtype == "int64"
    np.testing.assert_array_equal(labels, np.arange(255) % 17)
    rendered, classes = signs.render_sample(20)
    np.testing.assert_array_equal(classes, labels[:20])
    # Other versions of Pillow may round otherwise.
    assert np.abs(255 * images[:20] - rendered).mean() < 1


def test_objects_are_those_of_the_painted_test_split():
    images, labels = gather_examples(datasets.load("rendered_objects_sample"))
    assert images.shape == (80, 64, 64, 1) and labels.dtype == "int64"
    np.testing.assert_array_equal(labels, np.arange(80) % 4)
    rendered, classes = objects.render_sample(8)
    np.testing.assert_array_equal(classes, labels[:8])
    # Other versions of Pillow may round otherwise.
    assert np.abs(255 * images[:8] - rendered).mean() < 1


def test_the_rendered_samples_are_small():
    files = importlib.resources.files("zoo.training.datasets") / "files"
    assert (files / "rendered_signs_sample.npz").stat().st_size < 10**6
    assert (files / "rendered_objects_sample.npz").stat().st_size < 3 * 10**5


@pytest.mark.parametrize("sample", [signs, objects])
def test_the_command_writes_what_is_read(sample, tmp_path, monkeypatch):
    few = sample.render_sample(3)
    monkeypatch.setattr(sample, "render_sample", lambda: few)
    assert sample.main([str(tmp_path / "sample.npz")]) == 0
    with np.load(tmp_path / "sample.npz") as arrays:
        np.testing.assert_array_equal(arrays["images"], few[0])
        np.testing.assert_array_equal(arrays["labels"], few[1])
