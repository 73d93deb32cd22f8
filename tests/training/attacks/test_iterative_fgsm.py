"""Iterative FGSM, against exact numbers of steps to a hyperplane."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.helpers import LinearModel
from tests.helpers import check_attack
from zoo.layers import Threshold
from zoo.training import attacks
from zoo.training.attacks.iterative_fgsm import step_until_fooled

LEVEL = 1 / 255


def run(model, images, labels, **options):
    """Returns images, steps and successes as arrays."""
    graph = tf.function(
        lambda images, labels: step_until_fooled(
            lambda x: model(x, training=False), images, labels, **options
        ),
        autograph=False,
    )
    outputs = graph(tf.constant(images), tf.constant(labels, "int32"))
    return [output.numpy() for output in outputs]


@pytest.fixture(scope="module")
def linear():
    """Two classes, images well inside [0, 1]."""
    model = LinearModel((6, 6, 1), num_classes=2)
    images, labels = model.batch(12, closest=0.05, farthest=0.4)
    return model, images, labels


def exact_steps(model, images, labels, size=LEVEL):
    """A sign step closes the gap of logits by size times the L1 norm."""
    logits = model.logits(images.astype("float64"))
    rows = np.arange(len(images))
    gaps = logits[rows, labels] - logits[rows, 1 - labels]
    normal = model.kernel[:, 0] - model.kernel[:, 1]
    return np.ceil(gaps / (size * np.abs(normal).sum())).astype(int)


@pytest.mark.parametrize("at_once", [1, 5, 128])
def test_takes_the_fewest_steps_to_a_hyperplane(linear, at_once):
    """However many images are in the batch at one time."""
    model, images, labels = linear
    expected = exact_steps(model, images, labels)
    assert expected.min() >= 1 and len(set(expected)) > 4
    found, steps, fooled = run(model.keras, images, labels, at_once=at_once)
    np.testing.assert_array_equal(steps, expected)
    assert fooled.all()
    normal = model.kernel[:, 0] - model.kernel[:, 1]
    signs = np.sign(normal).reshape(images.shape[1:])
    sides = np.where(labels == 0, -1, 1)[:, None, None, None]
    moved = (expected * LEVEL)[:, None, None, None] * sides * signs
    np.testing.assert_allclose(found, images + moved, atol=1e-5)


def test_images_stay_on_the_grey_levels(linear):
    model, images, labels = linear
    found, _, _ = run(model.keras, images, labels)
    np.testing.assert_allclose(found * 255, np.round(found * 255), atol=1e-3)


def test_targeted_reaches_the_wanted_class():
    model = LinearModel((6, 6, 1), num_classes=4)
    images, labels = model.batch(9)
    targets = (labels + 2) % 4
    attack = attacks.iterative_fgsm(targeted=True, at_once=4)
    found = check_attack(attack, model.keras, images, targets)
    np.testing.assert_array_equal(model.logits(found).argmax(1), targets)
    same = check_attack(attack, model.keras, images, labels)
    np.testing.assert_array_equal(same, images)  # Already there: no step.


def test_stops_at_the_last_step(linear):
    model, images, labels = linear
    expected = exact_steps(model, images, labels)
    most = int(np.median(expected))
    found, steps, fooled = run(model.keras, images, labels, steps=most)
    np.testing.assert_array_equal(steps, np.minimum(expected, most))
    np.testing.assert_array_equal(fooled, expected <= most)
    np.testing.assert_array_equal(
        fooled, model.logits(found).argmax(1) != labels
    )


def test_step_size_divides_the_steps(linear):
    model, images, labels = linear
    _, steps, _ = run(model.keras, images, labels, step_size=3 * LEVEL)
    expected = exact_steps(model, images, labels, 3 * LEVEL)
    np.testing.assert_array_equal(steps, expected)


def test_clips_at_the_bounds():
    model = LinearModel((4, 4, 1), num_classes=2)
    images, labels = model.batch_on_bounds(6)
    attack = attacks.iterative_fgsm(steps=300)
    found = check_attack(attack, model.keras, images, labels)
    assert (model.logits(found).argmax(1) != labels).all()


def _scoring(weights):
    """Scores of two classes from two pixels, and a threshold of 0.5."""
    images = keras.Input((1, 2, 1))
    pixels = keras.layers.Flatten()(images)
    scores = keras.layers.Dense(2, activation="sigmoid", use_bias=False)
    logits = Threshold(0.5)(scores(pixels))
    model = keras.Model(images, logits)
    model.set_weights([np.asarray(weights, "float32")])
    return model


def test_euclidean_loss_is_that_of_the_scores():
    """Towards class 0, both scores count; cross-entropy sees none besides."""
    model = _scoring([[1.0, 0.9], [-1.2, -3.0]])
    images = np.full((1, 1, 2, 1), 0.4, "float32")
    signs = {}
    for loss in ("ce", "euclidean"):
        found, _, _ = run(model, images, [0], loss=loss, targeted=True, steps=1)
        signs[loss] = np.sign(found - images).ravel()
    z = images.ravel() @ np.array([[1.0, 0.9], [-1.2, -3.0]])
    s = 1 / (1 + np.exp(-z))
    slopes = 2 * (s - [1, 0]) * s * (1 - s)
    gradient = np.array([[1.0, 0.9], [-1.2, -3.0]]) @ slopes
    np.testing.assert_array_equal(signs["euclidean"], -np.sign(gradient))
    np.testing.assert_array_equal(signs["ce"], [1, -1])


def test_to_none_the_euclidean_loss_lowers_all_scores():
    model = _scoring([[1.0, 0.0], [0.0, 1.0]])
    images = np.full((3, 1, 2, 1), 0.5, "float32")
    found, steps, fooled = run(
        model,
        images - 0.45,
        [2, 2, 2],
        loss="euclidean",
        targeted=True,
        steps=5,
    )
    assert not fooled.any()  # Sigmoids of pixels are never below one half.
    np.testing.assert_array_equal(steps, 5)
    np.testing.assert_allclose(found, images - 0.45 - 5 * LEVEL, atol=1e-6)
