"""Attacks see through layers that hide their gradient."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from zoo.inspection import hidden_gradients
from zoo.training import attacks
from zoo.training.attacks.adaptive_view import adaptive_view

IMAGES = np.random.default_rng(0).uniform(size=(4, 16, 16, 1)).astype("float32")
LABELS = np.arange(4) % 3


def classifier(layer):
    """A linear model behind a layer; the same weights every time."""
    dense = keras.layers.Dense(
        3, kernel_initializer=keras.initializers.RandomNormal(seed=1)
    )
    return keras.Sequential(
        [keras.Input((16, 16, 1)), layer, keras.layers.Flatten(), dense]
    )


def gradient(model):
    images = tf.constant(IMAGES)
    with tf.GradientTape() as tape:
        tape.watch(images)
        loss = tf.reduce_sum(model(images, training=False)[:, 0])
    return tape.gradient(
        loss, images, unconnected_gradients=tf.UnconnectedGradients.ZERO
    ).numpy()


@pytest.mark.parametrize("layer", [zoo.layers.JPEG, zoo.layers.RandomPatchJPEG])
def test_view_has_the_gradient_of_the_straight_through_layer(layer):
    options = {"seed": 0} if layer is zoo.layers.RandomPatchJPEG else {}
    hiding = classifier(layer(gradient="none", **options))
    open_ = classifier(layer(gradient="straight_through", **options))
    view = adaptive_view(hiding)
    assert not gradient(hiding).any()
    assert gradient(view).any()
    np.testing.assert_allclose(gradient(view), gradient(open_), rtol=1e-6)
    assert not gradient(hiding).any(), "the model itself changed"
    assert {layer.gradient for layer in hidden_gradients(hiding)} == {"none"}


def test_view_predicts_what_the_model_predicts():
    model = classifier(zoo.layers.JPEG(30, gradient="none"))
    np.testing.assert_array_equal(adaptive_view(model)(IMAGES), model(IMAGES))


def test_a_model_that_hides_nothing_is_its_own_view():
    model = classifier(zoo.layers.JPEG())
    assert adaptive_view(model) is model


def test_attacks_run_on_the_view():
    model = classifier(zoo.layers.JPEG(90, gradient="none"))
    labels = np.argmax(model(IMAGES), axis=-1)
    attack = attacks.pgd(norm="l2", eps=4.0, steps=10, seed=0)

    def accuracy(attacked):
        adversarial = attack(attacked, IMAGES, labels)
        return np.mean(np.argmax(model(adversarial), axis=-1) == labels)

    assert accuracy(adaptive_view(model)) == 0.0
    assert accuracy(model) == 1.0
