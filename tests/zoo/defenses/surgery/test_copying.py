"""Copies of models give what the models give."""

import keras
import numpy as np
import pytest
from keras import layers

import zoo
from zoo.defenses.surgery.copying import copy_graph

IMAGES = np.random.default_rng(0).random((4, 16, 16, 3), "float32")


@pytest.fixture(scope="module")
def model():
    """Its pixels are normalised by what the layer saw of some images."""
    normalization = layers.Normalization()
    normalization.adapt(IMAGES * [0.2, 0.5, 1.0] + [0.0, 0.3, 0.1])
    inputs = keras.Input((16, 16, 3))
    x = layers.Conv2D(4, 3, name="conv")(normalization(inputs))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(3)(x))


@pytest.mark.parametrize("any_size", [False, True])
def test_an_adapted_normalisation_keeps_its_statistics(model, any_size):
    copied = copy_graph(model, any_size=any_size)
    np.testing.assert_allclose(copied(IMAGES), model(IMAGES), atol=1e-5)


def test_jpeg_and_blurnet_of_an_adapted_normalisation(model):
    compressed = zoo.defend(model, "jpeg")
    pixels = keras.Model(
        compressed.input, compressed.get_layer("compression").output
    )(IMAGES)
    np.testing.assert_allclose(compressed(IMAGES), model(pixels), atol=1e-4)
    blurred = zoo.defend(model, "blurnet", start="identity")
    np.testing.assert_allclose(blurred(IMAGES), model(IMAGES), atol=1e-5)


def test_irms_features_of_an_adapted_normalisation(model):
    defended = zoo.defend(model, "irm")
    classifier = defended.get_layer("ensemble").classifier
    features = classifier.get_layer("features")
    maps = keras.Model(model.input, model.get_layer("conv").output)
    np.testing.assert_allclose(features(IMAGES), maps(IMAGES), atol=1e-4)
