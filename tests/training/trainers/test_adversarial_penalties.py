"""Penalties on weights and feature maps under the adversarial trainer."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import log_softmax

from zoo.regularizers import LInf
from zoo.regularizers import TotalVariation
from zoo.training import AdversarialTrainer
from zoo.training import attacks


def penalised():
    inputs = keras.Input((6, 6, 1))
    x = keras.layers.Conv2D(
        2,
        3,
        activity_regularizer=TotalVariation(0.5),
        kernel_regularizer=LInf(0.7),
    )(inputs)
    x = keras.layers.Flatten()(x)
    return keras.Model(inputs, keras.layers.Dense(3)(x))


def cross_entropy(logits, labels):
    return -log_softmax(logits, axis=-1)[np.arange(len(labels)), labels].mean()


@pytest.mark.parametrize("logit_pairing", [0.0, 0.4])
@pytest.mark.parametrize("clean_weight", [0.0, 0.3, 1.0])
def test_penalties_are_part_of_the_loss_that_is_mixed(
    clean_weight, logit_pairing
):
    rng = np.random.default_rng(0)
    images = rng.random((8, 6, 6, 1), "float32")
    labels = rng.integers(0, 3, 8)
    model = penalised()
    attack = attacks.bim(eps=0.1, steps=2)
    adversarial = attack(model, images, labels).numpy()

    def total_loss(batch):
        """Cross-entropy, variation of the maps and the largest weights."""
        logits = model(batch).numpy()
        penalties = [float(loss) for loss in model.losses]
        assert len(penalties) == 2
        assert min(penalties) > 0.01
        return logits, cross_entropy(logits, labels) + sum(penalties)

    clean, on_clean = total_loss(images)
    moved, on_moved = total_loss(adversarial)
    expected = clean_weight * on_clean + (1 - clean_weight) * on_moved
    expected += logit_pairing * np.mean((clean - moved) ** 2)
    trainer = AdversarialTrainer(
        model, attack, clean_weight=clean_weight, logit_pairing=logit_pairing
    )
    trainer.compile(keras.optimizers.SGD(0.0))
    logs = trainer.train_on_batch(images, labels, return_dict=True)
    np.testing.assert_allclose(logs["loss"], expected, rtol=1e-4)
    tested = trainer.test_on_batch(images, labels, return_dict=True)
    np.testing.assert_allclose(tested["loss"], expected, rtol=1e-4)


def test_the_step_follows_the_mixed_penalties():
    """One step of gradient descent, against the loss written out."""
    rng = np.random.default_rng(1)
    images = rng.random((8, 6, 6, 1), "float32")
    labels = rng.integers(0, 3, 8)
    model = penalised()
    before = model.get_weights()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    with tf.GradientTape() as tape:
        total = 0.0
        for share, batch in ((0.3, images), (0.7, images / 2)):
            total += share * loss(labels, model(batch, training=True))
            total += share * sum(model.losses)
    gradients = tape.gradient(total, model.trainable_variables)
    trainer = AdversarialTrainer(
        model, lambda model, images, labels: images / 2, clean_weight=0.3
    )
    trainer.compile(keras.optimizers.SGD(0.1))
    trainer.train_on_batch(images, labels)
    after = zip(model.get_weights(), before, gradients, strict=True)
    for weight, old, gradient in after:
        np.testing.assert_allclose(weight, old - 0.1 * gradient, atol=1e-5)
