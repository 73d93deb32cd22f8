"""Label smoothing as IRM states it."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import log_softmax
from scipy.special import softmax

from zoo.training import LabelSmoothing

LOGITS = np.random.default_rng(0).normal(scale=3, size=(6, 4)).astype("float32")
LABELS = np.array([0, 1, 2, 3, 0, 2])


def formula(eps):
    """Per image: 1 - eps on the true class, eps on the others in all."""
    log_probabilities = log_softmax(LOGITS.astype("float64"), axis=1)
    targets = np.full(LOGITS.shape, eps / 3)
    targets[np.arange(6), LABELS] = 1 - eps
    return -(targets * log_probabilities).sum(axis=1)


@pytest.mark.parametrize("eps", [0.0, 0.1, 0.75, 0.9])
def test_is_the_papers_formula(eps):
    loss = LabelSmoothing(eps)
    np.testing.assert_allclose(
        loss(LABELS, LOGITS), formula(eps).mean(), rtol=1e-5
    )
    each = LabelSmoothing(eps, reduction=None)(LABELS[:, None], LOGITS)
    np.testing.assert_allclose(each, formula(eps), rtol=1e-5)
    probabilities = LabelSmoothing(eps, from_logits=False)
    np.testing.assert_allclose(
        probabilities(LABELS, softmax(LOGITS, axis=1)),
        formula(eps).mean(),
        rtol=1e-4,
    )


@pytest.mark.parametrize("eps", [0.0, 0.3])
def test_is_keras_with_a_larger_eps(eps):
    """Keras leaves eps / K of what it spreads on the true class."""
    peer = keras.losses.CategoricalCrossentropy(
        from_logits=True, label_smoothing=eps * 4 / 3
    )
    np.testing.assert_allclose(
        LabelSmoothing(eps)(LABELS, LOGITS),
        peer(np.eye(4)[LABELS], LOGITS),
        rtol=1e-6,
    )


def test_least_where_the_true_class_has_its_share():
    confidences = np.array([[0.7, 0.1, 0.1, 0.1]])
    logits = tf.Variable(np.log(confidences), dtype="float32")
    with tf.GradientTape() as tape:
        loss = LabelSmoothing(0.3)(np.array([0]), logits)
    np.testing.assert_allclose(tape.gradient(loss, logits), 0, atol=1e-6)


def test_survives_serialization():
    loss = LabelSmoothing(0.2, from_logits=False, reduction="sum", name="own")
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert isinstance(again, LabelSmoothing)
    assert again.get_config() == loss.get_config()


@pytest.mark.parametrize("eps", [-0.1, 1.0, float("nan")])
def test_eps_must_be_in_range(eps):
    with pytest.raises(ValueError, match=f"Received: eps={eps}"):
        LabelSmoothing(eps)


def test_one_class_cannot_be_smoothed():
    with pytest.raises(ValueError, match=r"Received: y_pred.shape=\(2, 1\)"):
        LabelSmoothing()(np.zeros(2, int), np.zeros((2, 1)))
