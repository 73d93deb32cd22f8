"""Averaging over draws: nothing where nothing is random, in any attack."""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.helpers import LinearModel
from zoo.layers import ActivationNoise
from zoo.training import attacks
from zoo.training.attacks.parts import gradients
from zoo.training.attacks.parts import losses

# Softmax rounds these confidences to 0 and 1, and their logs to -inf and 0.
CONFIDENT = tf.constant([[0.0, 120.0, 1.0, 2.0]])


def constant_logits(images):
    return CONFIDENT + 0 * tf.reduce_sum(images)


@pytest.mark.parametrize("draws", [2, 5])
def test_confident_logits_keep_their_differences(draws):
    outputs = gradients.expected_logits(
        constant_logits, tf.zeros((1, 2, 2, 1)), draws=draws
    )
    np.testing.assert_allclose(outputs - outputs[:, :1], CONFIDENT, atol=1e-4)
    others = losses.likeliest_others(outputs, tf.constant([1]), 3)
    np.testing.assert_array_equal(others, [[3, 2, 0]])


def test_confident_draws_that_differ_are_averaged_as_confidences():
    """Of class 1 in one draw and class 2 in the other, by 120 logits."""
    count = tf.Variable(0)

    def alternating(images):
        shift = count.assign_add(1) % 2
        return tf.roll(constant_logits(images), shift, axis=1)

    outputs = gradients.expected_logits(
        alternating, tf.zeros((1, 2, 2, 1)), draws=2
    )
    # log((exp(-120) + exp(-118)) / 2), log(1 / 2), twice, and of -119, -118.
    tail = [np.logaddexp(-120, -118), 0, 0, np.logaddexp(-118, -119)]
    np.testing.assert_allclose(outputs[0] + np.log(2), tail, atol=1e-4)


@pytest.mark.parametrize("traced", [False, True])
def test_draws_are_calls_with_noise_of_their_own(traced):
    """The layer's noise is one for a batch, so each draw must be a call."""
    images = tf.constant(np.random.default_rng(0).random((2, 3, 3, 1)))

    def make():
        return keras.Sequential(
            [
                keras.Input((3, 3, 1)),
                ActivationNoise(draws=1, seed=0),
                keras.layers.Flatten(),
            ]
        )

    model = make()
    first, second = model(images), model(images)
    assert not np.allclose(first, second, atol=0.1)
    again = make()

    def average():
        return gradients.expectation(lambda: (again(images),) * 2, 2)

    _, mean = (tf.function(average) if traced else average)()
    np.testing.assert_allclose(mean, (first + second) / 2, atol=1e-6)


@pytest.fixture(scope="module")
def confident():
    """Four classes, the largest logit some hundreds above the others."""
    model = LinearModel((4, 4, 1), num_classes=4, scale=1000.0)
    images, labels = model.batch(6)
    logits = np.sort(model.logits(images))
    assert (logits[:, -1] - logits[:, -2]).min() > 200
    return model, images, labels


def test_gradients_of_a_confident_model_are_those_of_one_draw(confident):
    model, images, labels = confident
    images, labels = tf.constant(images), tf.constant(labels, "int32")
    (one, one_outputs), (many, many_outputs) = (
        gradients.loss_gradient(model.keras, images, labels, draws=draws)
        for draws in (1, 3)
    )
    np.testing.assert_allclose(many, one, rtol=1e-5, atol=1e-3)
    np.testing.assert_allclose(
        many_outputs - tf.reduce_max(many_outputs, 1, keepdims=True),
        one_outputs - tf.reduce_max(one_outputs, 1, keepdims=True),
        rtol=1e-5,
    )
    classes = (labels[:, None] + [[1, 2, 3]]) % 4
    for one, many in zip(
        gradients.margin_gradients(model.keras, images, labels, classes),
        gradients.margin_gradients(
            model.keras, images, labels, classes, draws=3
        ),
        strict=True,
    ):
        np.testing.assert_allclose(many, one, rtol=1e-5, atol=1e-5)


OPTIONS = {
    "steps": 5,
    "queries": 40,
    "eps": 0.02,
    "seed": 0,
    "binary_search_steps": 3,
    "repeats": 5,
}
ITS_OWN = {"apgdt": {"classes": 1}, "cw": {"steps": 60}, "fab": {"eps": 0.3}}


def built(name, draws):
    """Builds an attack with those of the options that it has."""
    options = OPTIONS | ITS_OWN.get(name, {}) | {"draws": draws}
    factory = attacks.by_name[name]
    has = inspect.signature(factory).parameters
    return factory(**{key: options[key] for key in options if key in has})


@pytest.mark.parametrize("name", attacks.by_name)
def test_two_draws_of_a_confident_model_are_as_good_as_one(name, confident):
    model, images, labels = confident
    one, two = (
        built(name, draws)(model.keras, images, labels) for draws in (1, 2)
    )
    assert not np.array_equal(one, images)
    np.testing.assert_allclose(two, one, atol=1e-4)


@pytest.mark.parametrize("loss", ["ce", "dlr"])
def test_two_draws_climb_either_loss_as_one(loss, confident):
    model, images, labels = confident
    one, two = (
        attacks.apgd(eps=0.02, steps=5, loss=loss, draws=draws, seed=0)(
            model.keras, images, labels
        )
        for draws in (1, 2)
    )
    np.testing.assert_allclose(two, one, atol=1e-4)
