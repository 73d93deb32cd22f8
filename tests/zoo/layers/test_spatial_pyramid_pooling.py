"""Spatial pyramid pooling against NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.layer_contract import check_layer
from zoo.exports.placement import cpu_only_ops
from zoo.layers import SpatialPyramidPooling

SIZES = [(8, 8), (7, 7), (5, 6), (4, 9), (16, 12), (3, 2), (1, 5), (1, 1)]


def pyramid(images, bins, reduce):
    """Adaptive pooling, cell by cell."""
    _, height, width, _ = images.shape
    cells = []
    for b in bins:
        for row in range(b):
            for column in range(b):
                top, bottom = row * height // b, -(-(row + 1) * height // b)
                left, right = column * width // b, -(-(column + 1) * width // b)
                cell = images[:, top:bottom, left:right]
                cells.append(reduce(cell, axis=(1, 2)))
    return np.concatenate(cells, axis=-1)


@pytest.mark.parametrize(
    "pooling, reduce", [("average", np.mean), ("max", np.max)]
)
@pytest.mark.parametrize("size", SIZES)
def test_matches_adaptive_pooling_in_numpy(size, pooling, reduce):
    images = np.random.default_rng(0).normal(size=(3, *size, 5))
    images = images.astype("float32")
    outputs = SpatialPyramidPooling((1, 2, 4), pooling)(images)
    expected = pyramid(images, (1, 2, 4), reduce)
    np.testing.assert_allclose(np.asarray(outputs), expected, atol=1e-6)


@pytest.mark.parametrize("pooling", ["average", "max"])
def test_unknown_sizes_equal_known_ones(pooling):
    layer = SpatialPyramidPooling((1, 2, 3, 4), pooling)
    signature = [tf.TensorSpec((None, None, None, 5))]
    dynamic = tf.function(
        lambda images: layer(images), input_signature=signature
    )
    graph = dynamic.get_concrete_function().graph
    assert cpu_only_ops(graph.as_graph_def()) == {}
    for size in SIZES:
        images = np.random.default_rng(0).normal(size=(3, *size, 5))
        images = images.astype("float32")
        np.testing.assert_allclose(dynamic(images), layer(images), atol=1e-6)


def test_contract(tmp_path):
    images = np.random.default_rng(0).random((2, 8, 8, 3), "float32")
    check_layer(
        SpatialPyramidPooling((1, 2)), images, tmp_path / "pooling.keras"
    )


def test_one_network_reads_maps_of_any_size():
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, SpatialPyramidPooling((1, 2))(inputs))
    for size in (4, 7, 10):
        assert model(np.zeros((2, size, size, 3))).shape == (2, 15)


@pytest.mark.parametrize("bins", [(), (0,), (1, -2), (1.5,)])
def test_bins_must_be_positive_whole_numbers(bins):
    with pytest.raises(ValueError, match="bins must be .* Received: bins="):
        SpatialPyramidPooling(bins)


def test_pooling_must_be_known():
    with pytest.raises(ValueError, match="Received: pooling='sum'"):
        SpatialPyramidPooling(pooling="sum")


def test_input_must_be_of_rank_four():
    with pytest.raises(ValueError, match="takes .batch, height, width"):
        SpatialPyramidPooling()(np.zeros((2, 8, 3)))
