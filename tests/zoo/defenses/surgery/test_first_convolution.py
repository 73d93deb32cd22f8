"""Layers behind the first convolution of functional models."""

import keras
import numpy as np
import pytest
from keras import layers

from zoo.defenses.surgery.first_convolution import follow_first_convolution
from zoo.layers import Blur

IMAGES = np.random.default_rng(0).random((2, 8, 8, 3), "float32")


def stack(name="stack"):
    return keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Rescaling(2.0),
            layers.Conv2D(4, 3, activation="relu", name="first"),
            layers.BatchNormalization(),
            layers.Conv2D(5, 3, name="second"),
            layers.Flatten(),
            layers.Dense(3),
        ],
        name=name,
    )


def functional(model):
    return keras.Model(model.inputs[0], model.outputs[0], name=model.name)


def branched():
    """A skip past the first convolution's filter."""
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, padding="same", name="first")(inputs)
    y = layers.Conv2D(4, 3, padding="same")(keras.ops.relu(x))
    return keras.Model(inputs, layers.Flatten()(x + 2 * y))


def nested():
    inputs = keras.Input((8, 8, 3))
    return keras.Model(inputs, layers.Dense(2)(stack("inner")(inputs)))


@pytest.mark.parametrize(
    "build", [lambda: functional(stack()), branched, nested]
)
def test_an_identity_changes_nothing_and_weights_are_shared(build):
    model = build()
    seen = []

    def make(convolution):
        seen.append(convolution.name)
        return Blur(3, "identity")

    filtered = follow_first_convolution(model, make)
    assert seen == ["first"]
    np.testing.assert_allclose(filtered(IMAGES), model(IMAGES), atol=1e-5)
    assert {id(w) for w in filtered.weights} == {id(w) for w in model.weights}


def test_the_filter_takes_what_the_convolution_gives():
    model = functional(stack())
    filtered = follow_first_convolution(
        model, lambda _: Blur(3, "box", name="blur")
    )
    maps = keras.Model(model.input, model.get_layer("first").output)(IMAGES)
    after = keras.Model(filtered.input, filtered.get_layer("blur").output)
    np.testing.assert_allclose(after(IMAGES), Blur(3, "box")(maps), atol=1e-5)
    blurred = keras.Input(maps.shape[1:])
    x = blurred
    for layer in model.layers[3:]:
        x = layer(x)
    expected = keras.Model(blurred, x)(Blur(3, "box")(maps))
    np.testing.assert_allclose(filtered(IMAGES), expected, atol=1e-5)


def test_no_layer_leaves_the_model_alone():
    model = functional(stack())
    assert follow_first_convolution(model, lambda _: None) is model


def test_a_model_without_convolutions_is_refused():
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, layers.Flatten()(inputs), name="flat")
    with pytest.raises(ValueError, match="convolution. Received: flat"):
        follow_first_convolution(model, lambda _: Blur())


def test_channels_must_come_last():
    inputs = keras.Input((3, 8, 8))
    x = layers.Conv2D(2, 3, data_format="channels_first")(inputs)
    with pytest.raises(ValueError, match="channels last.*channels_first"):
        follow_first_convolution(keras.Model(inputs, x), lambda _: Blur())
