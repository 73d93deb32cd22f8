"""What is frozen doesn't move, and is as before afterwards."""

import keras
import numpy as np
import pytest
from keras import layers

import zoo
from zoo.inspection import find_head
from zoo.training.trainers.finetuning import frozen_but


@pytest.fixture
def model():
    return zoo.models.irm(
        depth=10,
        width=1,
        num_classes=3,
        image_shape=(12, 12, 1),
        scales=(8, 12),
        scale_weights=(0.1, 1.0),
    )


def test_the_head_alone_learns(model):
    head = find_head(model)
    before = {w.path: w.numpy() for w in model.weights}
    with frozen_but(model, [head]):
        assert model.trainable_weights == head.weights
        model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(True))
        images = np.random.default_rng(0).random((6, 12, 12, 1), "float32")
        model.fit(images, np.arange(6) % 3, verbose=0)
    own = {weight.path for weight in head.weights}
    for weight in model.weights:  # Batch averages, too.
        moved = not np.array_equal(weight, before[weight.path])
        assert moved == (weight.path in own), weight.path


def test_flags_come_back_after_an_error(model):
    frozen = model.get_layer("ensemble").classifier.get_layer("conv1")
    frozen.trainable = False
    trainable = [w.path for w in model.trainable_weights]
    with pytest.raises(RuntimeError), frozen_but(model, []):
        assert not model.trainable_weights
        raise RuntimeError
    assert [w.path for w in model.trainable_weights] == trainable
    assert not frozen.trainable


def test_what_was_frozen_before_stays_so():
    layer = layers.Dense(2, trainable=False)
    model = keras.Sequential([keras.Input((2,)), layer])
    with frozen_but(model, [layer]):
        assert not model.trainable_weights


def test_a_single_weight_that_was_frozen_stays_so():
    layer = layers.Dense(2)
    model = keras.Sequential([keras.Input((2,)), layer, layers.Dense(2)])
    layer.bias.trainable = False
    with frozen_but(model, [layer]):
        assert model.trainable_weights == [layer.kernel]
    with frozen_but(model, []):
        assert not model.trainable_weights
    assert not layer.bias.trainable
    assert len(model.trainable_weights) == 3


class Scaled(layers.Layer):
    """Holds a layer and a weight of its own."""

    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(2)

    def build(self, input_shape):
        self.scale = self.add_weight(shape=(), initializer="ones")
        self.dense.build(input_shape)

    def call(self, inputs):
        return self.scale * self.dense(inputs)


def test_layers_that_hold_layers_are_frozen_and_kept_whole():
    one, two = Scaled(), Scaled()
    model = keras.Sequential([keras.Input((2,)), one, two])
    with frozen_but(model, [two]):
        assert model.trainable_weights == two.weights
        assert len(two.weights) == 3
    with frozen_but(model, [two.dense]):
        assert model.trainable_weights == two.dense.weights
    assert len(model.trainable_weights) == 6
