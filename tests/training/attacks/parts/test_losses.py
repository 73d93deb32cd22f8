"""Losses against their equations, and when an attack has succeeded."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from zoo.training.attacks.parts import losses

LOGITS = np.array([[1.0, 4.0, 3.0, 0.0, 2.0]] * 3, "float32")


def test_log_odds_known_answers():
    probabilities = np.array([[0.2, 0.5, 0.3], [0.9, 0.05, 0.05]], "float32")
    odds = losses.log_odds(np.log(probabilities) + 7, np.array([1, 0]))
    np.testing.assert_allclose(odds, np.log([1.0, 1 / 9]), atol=1e-5)


def test_margin_known_answers():
    margins = losses.margin(LOGITS, np.array([1, 2, 3]))
    np.testing.assert_allclose(margins, [1, -1, -4])


def test_succeeds():
    outputs = tf.constant([[1.0, 2.0], [3.0, 0.0]])
    labels = tf.constant([1, 1])
    untargeted = losses.succeeds(outputs, labels)
    targeted = losses.succeeds(outputs, labels, targeted=True)
    np.testing.assert_array_equal(untargeted, [False, True])
    np.testing.assert_array_equal(targeted, [True, False])


def test_dlr_known_answers():
    """Sorted, the logits are 4, 3, 2, 1, 0."""
    ratios = losses.dlr(LOGITS, np.array([1, 2, 3]))
    np.testing.assert_allclose(ratios, [-1 / 2, 1 / 2, 4 / 2])


def test_targeted_dlr_known_answers():
    labels, targets = np.array([1, 1, 3]), np.array([2, 3, 2])
    ratios = losses.targeted_dlr(LOGITS, labels, targets)
    np.testing.assert_allclose(ratios, [-1 / 2.5, -4 / 2.5, 3 / 2.5])


def test_targeted_difference_known_answers():
    labels, targets = np.array([1, 1, 3]), np.array([2, 3, 2])
    differences = losses.targeted_difference(LOGITS, labels, targets)
    np.testing.assert_allclose(differences, [-1, -4, 3])


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 1000),
    classes=st.integers(4, 9),
    scale=st.floats(1e-3, 1e3),
    shift=st.floats(-10, 10),
)
def test_scale_and_shift_change_nothing(seed, classes, scale, shift):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(6, classes)).astype("float32")
    labels = rng.integers(0, classes, 6)
    targets = (labels + 1) % classes
    moved = (scale * (logits + shift)).astype("float32")
    for loss, which in (
        (losses.dlr, (labels,)),
        (losses.targeted_dlr, (labels, targets)),
    ):
        np.testing.assert_allclose(
            loss(moved, *which), loss(logits, *which), rtol=1e-2, atol=1e-4
        )


def test_signs_tell_success():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(200, 5)).astype("float32")
    labels, targets = rng.integers(0, 4, 200), np.full(200, 4)
    wrong = logits.argmax(1) != labels
    np.testing.assert_array_equal(losses.dlr(logits, labels) > 0, wrong)
    preferred = logits[:, 4] > logits[np.arange(200), labels]
    ratios = losses.targeted_dlr(logits, labels, targets)
    np.testing.assert_array_equal(ratios > 0, preferred)
    assert np.min(losses.dlr(logits, labels)) >= -1


def test_equal_logits_have_a_finite_gradient():
    logits = tf.ones((1, 5))
    for loss, which in (
        (losses.dlr, ([1],)),
        (losses.targeted_dlr, ([1], [2])),
    ):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            ratios = loss(logits, *which)
        assert np.all(ratios == 0)
        assert np.all(np.isfinite(tape.gradient(ratios, logits)))


def test_too_few_classes_are_named():
    logits = np.zeros((1, 3), "float32")
    with pytest.raises(ValueError, match="needs 4 classes.*model of 3 classes"):
        losses.targeted_dlr(logits, [0], [1])
    with pytest.raises(ValueError, match="needs 3 classes.*model of 2 classes"):
        losses.dlr(logits[:, :2], [0])
