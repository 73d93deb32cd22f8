"""A logit of minus infinity rules a class out; the attacks go on without."""

import functools
import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.helpers import LinearModel
from tests.helpers import check_attack
from zoo.training import attacks
from zoo.training.attacks.parts import gradients
from zoo.training.attacks.parts import losses

INF = np.inf
KEPT = (0, 2, 3, 5)  # Classes 1 and 4 are ruled out.
OPTIONS = {
    "steps": 5,
    "queries": 40,
    "eps": 0.05,
    "seed": 0,
    "binary_search_steps": 3,
    "initial_const": 0.1,
    "repeats": 5,
}
# As many targets as there are; repeated ones would move the random starts on.
ITS_OWN = {
    "apgdt": {"classes": 3},
    "fab": {"classes": 4, "eps": 0.3},
    "cw": {"steps": 40},
    "jsma": {"gamma": 0.7},
}


def built(name, **options):
    factory = attacks.by_name[name]
    options = OPTIONS | ITS_OWN.get(name, {}) | options
    has = inspect.signature(factory).parameters
    return factory(**{key: options[key] for key in options if key in has})


def masked_model(plain, how):
    """Spreads four classes over six, two of which are ruled out."""
    spread = np.zeros((4, 6), "float32")
    spread[range(4), KEPT] = 1
    ruled_out = ~spread.any(axis=0)
    inputs = keras.Input(plain.image_shape)
    flat = keras.layers.Flatten()(inputs)
    logits = keras.layers.Dense(6)(flat)
    if how == "replaced":
        masked = keras.ops.where(ruled_out[None], -INF, logits)
    else:
        masked = logits + np.where(ruled_out, -INF, 0).astype("float32")[None]
    model = keras.Model(inputs, masked)
    # Not 0: added to minus infinity, a mask lets their gradient through.
    other = plain.rng.normal(size=(plain.kernel.shape[0], 6), scale=30.0)
    other *= ruled_out
    model.set_weights([plain.kernel @ spread + other, plain.bias @ spread])
    return model


@pytest.fixture(scope="module")
def plain():
    return LinearModel((3, 3, 1), num_classes=4, scale=3.0)


@pytest.fixture(scope="module")
def batch(plain):
    images, labels = plain.batch(6, closest=0.02, farthest=0.1)
    labels[-1] = (labels[-1] + 1) % 4  # One is misclassified.
    return images, labels


@pytest.fixture(scope="module")
def unmasked(plain, batch):
    """Returns what an attack makes of the four classes alone."""

    @functools.cache
    def results(name):
        return built(name)(plain.keras, *batch).numpy()

    return results


@pytest.mark.parametrize("name", attacks.by_name)
@pytest.mark.parametrize("how", ["replaced", "added"])
def test_ruled_out_classes_change_nothing(name, how, plain, batch, unmasked):
    images, labels = batch
    model = masked_model(plain, how)
    adversarial = check_attack(
        built(name), model, images, np.take(KEPT, labels)
    )
    assert not np.array_equal(adversarial, images)
    np.testing.assert_allclose(adversarial, unmasked(name), atol=1e-4)


@pytest.mark.parametrize("name", attacks.by_name)
def test_a_label_or_target_that_is_ruled_out_gives_no_nan(name, plain, batch):
    """Nothing can be gained there; two draws average infinities."""
    model = masked_model(plain, "added")
    labels = np.array([1, 4, 1, 4, 0, 2])
    check_attack(built(name, draws=2), model, batch[0], labels)
    factory = attacks.by_name[name]
    if "targeted" in inspect.signature(factory).parameters:
        attack = built(name, targeted=True)
        adversarial = check_attack(attack, model, batch[0], labels)
        predictions = np.argmax(model(adversarial), axis=1)
        assert not set(predictions) & {1, 4}


@pytest.mark.parametrize("kept", [1, 2, 3])
def test_the_ratio_of_few_classes_is_its_numerator(kept):
    """Over a denominator of infinity it would be 0 and have no gradient."""
    values = np.array([[3.0, 1.0, 0.5, -INF, -INF]], "float32")
    values[:, kept:] = -INF
    logits, label = tf.constant(values), tf.constant([0])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(logits)
        ratio = losses.dlr(logits, label)
        targeted = losses.targeted_dlr(logits, label, tf.constant([1]))
    expected = {1: -INF, 2: -2.0, 3: -2.0 / 2.5}[kept]
    np.testing.assert_allclose(ratio, [expected])
    np.testing.assert_allclose(targeted, [-INF if kept == 1 else -2.0])
    if kept == 2:
        for value in (ratio, targeted):
            gradient = tape.gradient(value, logits)
            np.testing.assert_allclose(gradient, [[-1, 1, 0, 0, 0]])


def test_a_class_that_is_ruled_out_is_no_target():
    logits = tf.constant(
        [
            [1.0, -INF, 3.0, 2.0, -INF],
            [-INF, -INF, 3.0, -INF, 1.0],
            [-INF, -INF, 3.0, -INF, -INF],
        ]
    )
    others = losses.likeliest_others(logits, tf.constant([2, 2, 2]), 3)
    np.testing.assert_array_equal(others, [[3, 0, 3], [4, 4, 4], [2, 2, 2]])


def test_means_over_draws_keep_what_is_ruled_out():
    values = tf.constant([[0.0, -INF, 1.0]])
    mean = gradients.expected_logits(
        lambda images: values, tf.zeros((1, 2, 2, 1)), draws=3
    )
    np.testing.assert_allclose(mean - mean[:, :1], [[0, -INF, 1]], atol=1e-6)


def test_margins_of_what_is_ruled_out_have_no_gradient():
    def logits(images):
        flat = tf.reshape(images, (-1, 4))
        return flat + tf.constant([0.0, -INF, 0.0, -INF])

    images = tf.fill((2, 2, 2, 1), 0.5)
    margins, normals = gradients.margin_gradients(
        logits, images, tf.constant([0, 1]), tf.constant([[1, 2], [3, 0]])
    )
    np.testing.assert_array_equal(margins, [[-INF, -INF], [0, -INF]])
    np.testing.assert_array_equal(
        np.abs(normals).sum((2, 3, 4)), [[0, 0], [2, 0]]
    )


def test_apgd_climbs_where_two_of_five_classes_are_left():
    """Before, the ratio's denominator was infinite, its gradient 0."""
    plain = LinearModel((3, 3, 1), num_classes=2)
    images, labels = plain.batch(8, closest=0.05, farthest=0.3)
    inputs = keras.Input((3, 3, 1))
    logits = keras.ops.pad(
        plain.keras(inputs), ((0, 0), (0, 3)), constant_values=-INF
    )
    model = keras.Model(inputs, logits)
    for attack in (
        attacks.apgd(norm="l2", eps=0.31, steps=10, loss="dlr", seed=0),
        attacks.apgdt(norm="l2", eps=0.31, steps=10, seed=0),
    ):
        adversarial = check_attack(attack, model, images, labels)
        assert (plain.logits(adversarial).argmax(1) != labels).all()
