"""Resizing against Pillow."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.layer_contract import check_layer
from zoo.exports.placement import cpu_only_ops
from zoo.layers import AntialiasedResizing


@pytest.mark.parametrize(
    "size, new_size",
    [((28, 28), (20, 20)), ((28, 28), (40, 33)), ((31, 47), (7, 60))],
)
def test_matches_pillow(size, new_size):
    """Pillow's bilinear filter is the same triangle, in float mode exact."""
    image = np.random.default_rng(0).random(size, "float32")
    resized = AntialiasedResizing(*new_size)(image[None, :, :, None])
    expected = Image.fromarray(image).resize(
        new_size[::-1], Image.Resampling.BILINEAR
    )
    np.testing.assert_allclose(
        np.asarray(resized)[0, :, :, 0], np.asarray(expected), atol=1e-5
    )


def test_constant_images_stay_constant():
    images = np.full((1, 9, 9, 3), 0.25, "float32")
    resized = AntialiasedResizing(4, 17)(images)
    np.testing.assert_allclose(np.asarray(resized), 0.25, atol=1e-6)


@pytest.mark.parametrize("size", [(28, 28), (31, 47), (7, 60), (1, 3)])
def test_unknown_sizes_equal_known_ones(size):
    images = np.random.default_rng(0).random((2, *size, 3), "float32")
    layer = AntialiasedResizing(20, 33)
    signature = [tf.TensorSpec((None, None, None, 3))]
    dynamic = tf.function(
        lambda images: layer(images), input_signature=signature
    )
    graph = dynamic.get_concrete_function().graph
    assert cpu_only_ops(graph.as_graph_def()) == {}
    np.testing.assert_allclose(dynamic(images), layer(images), atol=1e-6)


def test_contract(tmp_path):
    images = np.random.default_rng(0).random((2, 12, 10, 3), "float32")
    check_layer(AntialiasedResizing(5, 15), images, tmp_path / "resized.keras")


def test_same_size_is_the_identity():
    images = np.random.default_rng(0).random((2, 5, 5, 1), "float32")
    np.testing.assert_array_equal(AntialiasedResizing(5, 5)(images), images)


@pytest.mark.parametrize("size", [0, -3, 2.5])
def test_sizes_must_be_positive_whole_numbers(size):
    with pytest.raises(ValueError, match=f"Received: width={size}"):
        AntialiasedResizing(4, size)
