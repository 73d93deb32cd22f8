"""Every attack on models of every Keras dtype policy."""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.helpers import LinearModel
from tests.helpers import check_attack
from zoo.training import attacks

POLICIES = (
    "mixed_float16",
    "mixed_bfloat16",
    "float16",
    "bfloat16",
    "float64",
)
OPTIONS = {
    "steps": 10,
    "queries": 60,
    "eps": 0.2,
    "gamma": 0.5,
    "binary_search_steps": 3,
    "initial_const": 0.1,
    "draws": 2,
}


def built(name):
    factory = attacks.by_name[name]
    has = inspect.signature(factory).parameters
    return factory(**{key: OPTIONS[key] for key in OPTIONS if key in has})


@pytest.fixture(scope="module")
def linear():
    return LinearModel((3, 3, 1), num_classes=4, scale=3.0)


@pytest.fixture(scope="module")
def batch(linear):
    """The same images whichever test comes first."""
    return linear.batch(8, closest=0.05, farthest=0.1)


@pytest.fixture(scope="module", params=POLICIES)
def model(request, linear):
    """The same linear model; its logits have the policy's type."""
    layers = [
        keras.layers.Flatten(dtype=request.param),
        keras.layers.Dense(4, dtype=request.param),
    ]
    model = keras.Sequential([keras.Input((3, 3, 1)), *layers])
    model.set_weights([linear.kernel, linear.bias])
    assert model(np.zeros((1, 3, 3, 1))).dtype.name in request.param
    return model


@pytest.mark.parametrize("name", attacks.by_name)
def test_attacks_every_policy(name, model, batch):
    images, labels = batch
    adversarial = check_attack(built(name), model, images, labels)
    # In a graph, as attacks run: fused kernels round bfloat16 less often.
    logits = tf.function(model)(adversarial, training=False)
    predictions = np.argmax(logits, axis=1)
    fooled = (predictions != labels).mean()
    assert fooled > 0 if name == "noise" else fooled >= 0.75
