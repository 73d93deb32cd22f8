"""Noise on the activations of whole graphs."""

import keras
import numpy as np
import pytest
from keras import layers

from zoo.defenses.surgery.noisy_activations import add_noise
from zoo.layers import ActivationNoise
from zoo.layers import RepeatedBatch

DRAWS = 3


def noisy(graph, scale=0.0, seed=0):
    return add_noise(
        graph, scale=scale, distribution="gaussian", draws=DRAWS, seed=seed
    )


def places(graph):
    """Returns the layers whose outputs a graph puts noise on."""
    found = {}
    for layer in graph.layers:
        if isinstance(layer, ActivationNoise):
            maker, *_ = layer.input._keras_history
            found[layer.name] = (maker.name, layer.repeat)
    return list(found.values())


@pytest.fixture
def residual():
    """A shortcut passes the first noise; two layers read one activation."""
    images = keras.Input((8, 8, 3), name="image")
    start = layers.Conv2D(4, 3, padding="same", name="start")(images)
    read = layers.ReLU(name="read")(start)
    left = layers.Conv2D(4, 3, padding="same", name="left")(read)
    right = layers.Conv2D(4, 1, name="right")(read)
    added = layers.Add(name="added")([start, left, right])
    pooled = layers.GlobalAveragePooling2D(name="pooled")(added)
    return keras.Model(images, layers.Dense(2, name="dense")(pooled))


@pytest.fixture
def images():
    return np.random.default_rng(0).random((2, 8, 8, 3), "float32")


def test_noise_is_where_layers_read_activations(residual):
    graph = noisy(residual)
    assert places(graph) == [("read", True), ("pooled", False)]
    repeated = [x for x in graph.layers if isinstance(x, RepeatedBatch)]
    assert [x.input._keras_history[0].name for x in repeated] == ["start"]


def test_without_size_the_noise_changes_nothing(residual, images):
    outputs = noisy(residual)(images)
    expected = np.tile(residual(images), (DRAWS, 1))
    np.testing.assert_allclose(outputs, expected, atol=1e-6)


def test_a_linear_network_adds_up_its_noise(images):
    """a_2 = f_1(x), the outputs f_2(a_2 + noise): f_2(a_2) + f_2(noise)."""
    inputs = keras.Input((8, 8, 3))
    activations = layers.Conv2D(5, 3, name="first")(inputs)
    graph = keras.Model(inputs, layers.Conv2D(2, 3, name="last")(activations))
    first = keras.Model(inputs, activations)
    last = graph.get_layer("last")
    outputs = noisy(graph, scale=0.3, seed=7)(images)
    drawn = ActivationNoise(0.3, "gaussian", DRAWS, repeat=True, seed=7)
    np.testing.assert_allclose(outputs, last(drawn(first(images))), atol=1e-5)


def test_seeds_differ_from_place_to_place(residual):
    graph = noisy(residual, seed=5)
    seeds = [x.seed for x in graph.layers if isinstance(x, ActivationNoise)]
    assert seeds == [5, 6]
    unseeded = noisy(residual, seed=None)
    assert all(
        x.seed is None
        for x in unseeded.layers
        if isinstance(x, ActivationNoise)
    )


def test_models_inside_are_taken_apart(residual, images):
    inputs = keras.Input((8, 8, 3))
    inner = keras.Sequential([keras.Input((8, 8, 3)), layers.Rescaling(2.0)])
    outer = keras.Model(inputs, residual(inner(inputs)))
    graph = noisy(outer)
    assert places(graph) == [("read", True), ("pooled", False)]
    expected = np.tile(outer(images), (DRAWS, 1))
    np.testing.assert_allclose(graph(images), expected, atol=1e-6)


def test_a_layer_called_twice_has_noise_at_each_place(images):
    inputs = keras.Input((8, 8, 3))
    shared = layers.Conv2D(3, 3, padding="same", name="shared")
    graph = keras.Model(inputs, shared(shared(shared(inputs))))
    assert sum(isinstance(x, ActivationNoise) for x in noisy(graph).layers) == 2
    expected = np.tile(graph(images), (DRAWS, 1, 1, 1))
    np.testing.assert_allclose(noisy(graph)(images), expected, atol=1e-6)


def test_normalisation_of_pixels_is_no_layer_that_learns(images):
    inputs = keras.Input((8, 8, 3))
    x = layers.Normalization(mean=[0.5] * 3, variance=[1.0] * 3)(inputs)
    x = layers.Conv2D(4, 3, name="conv")(x)
    graph = keras.Model(inputs, layers.Conv2D(2, 3)(x))
    assert places(noisy(graph)) == [("conv", True)]


def test_a_graph_without_activations_is_refused():
    inputs = keras.Input((8, 8, 3))
    graph = keras.Model(inputs, layers.Conv2D(2, 3)(inputs), name="one")
    with pytest.raises(ValueError, match="two layers.*Received: one"):
        noisy(graph)
