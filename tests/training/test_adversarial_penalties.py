"""Penalties on weights and feature maps under the adversarial trainer."""

import keras
import numpy as np
import pytest
from scipy.special import log_softmax

from training import AdversarialTrainer
from training import attacks
from zoo.regularizers import LInf
from zoo.regularizers import TotalVariation


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


@pytest.mark.parametrize("clean_weight", [0.0, 0.3])
def test_feature_maps_count_once_for_each_batch_seen(clean_weight):
    rng = np.random.default_rng(0)
    images = rng.random((8, 6, 6, 1), "float32")
    labels = rng.integers(0, 3, 8)
    model = penalised()
    attack = attacks.bim(eps=0.1, steps=2)
    adversarial = attack(model, images, labels).numpy()
    on_clean = cross_entropy(model(images).numpy(), labels)
    variation, largest = (float(loss) for loss in model.losses)
    expected = (1 - clean_weight) * cross_entropy(
        model(adversarial).numpy(), labels
    )
    expected += float(model.losses[0]) + largest
    if clean_weight:
        expected += clean_weight * on_clean + variation
    trainer = AdversarialTrainer(model, attack, clean_weight=clean_weight)
    trainer.compile(keras.optimizers.SGD(0.0))
    logs = trainer.train_on_batch(images, labels, return_dict=True)
    np.testing.assert_allclose(logs["loss"], expected, rtol=1e-4)
