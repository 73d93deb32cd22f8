"""The direction that attacks follow."""

import numpy as np
import pytest
import tensorflow as tf

from zoo.training.attacks.parts import gradients

KERNEL = np.random.default_rng(0).normal(size=(12, 4)).astype("float32")


def logits(images):
    return tf.matmul(tf.reshape(images, (-1, 12)), KERNEL)


@pytest.fixture
def batch():
    rng = np.random.default_rng(1)
    images = tf.constant(rng.uniform(size=(5, 2, 2, 3)), "float32")
    return images, tf.constant([0, 1, 2, 3, 0])


def test_direction_is_parallel_to_the_cross_entropys(batch):
    images, labels = batch
    with tf.GradientTape() as tape:
        tape.watch(images)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
            labels, logits(images)
        )
    expected = np.reshape(tape.gradient(losses, images), (5, 12))
    direction, outputs = gradients.loss_gradient(logits, images, labels)
    direction = np.reshape(direction, (5, 12))
    for ours, theirs in zip(direction, expected, strict=True):
        ours, theirs = (v / np.linalg.norm(v) for v in (ours, theirs))
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
    np.testing.assert_allclose(outputs, logits(images), atol=1e-6)


def test_targeted_goes_the_other_way(batch):
    there, _ = gradients.loss_gradient(logits, *batch)
    back, _ = gradients.loss_gradient(logits, *batch, targeted=True)
    np.testing.assert_array_equal(there, -back)


def test_draws_are_averaged(batch):
    """A model that alternates between two kernels."""
    images, labels = batch
    count = tf.Variable(0)

    def alternating(images):
        odd = tf.cast(count.assign_add(1) % 2, "float32")
        return logits(images) * (2 * odd + 1)

    average, outputs = gradients.loss_gradient(
        alternating, images, labels, draws=4
    )
    pair = [
        gradients.loss_gradient(lambda x, s=s: s * logits(x), images, labels)
        for s in (1.0, 3.0)
    ]
    np.testing.assert_allclose(
        average, (pair[0][0] + pair[1][0]) / 2, atol=1e-5
    )
    mean = (tf.nn.softmax(pair[0][1]) + tf.nn.softmax(pair[1][1])) / 2
    np.testing.assert_allclose(tf.exp(outputs), mean, atol=1e-6)
    assert count == 4
    expected = gradients.expected_logits(alternating, images, draws=2)
    np.testing.assert_allclose(tf.exp(expected), mean, atol=1e-6)


def test_rescaled_keeps_zero_and_survives_underflow():
    tiny = np.zeros((2, 1, 2, 1), "float32")
    tiny[0, 0, :, 0] = [1e-30, -2e-30]
    scaled = np.reshape(gradients.rescaled(tiny), (2, 2))
    np.testing.assert_allclose(scaled, [[0.5, -1], [0, 0]], rtol=1e-5)
