"""Attacks on a twin of other precision: what it loses is made good."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.training.evaluation.toys import brightness
from tests.training.evaluation.toys import levels
from tests.training.evaluation.toys import run
from training.attacks import Attack
from training.evaluation.scoring import Scorer
from zoo.dtype_policy import dtype_policy

DARK = 0.1, 0.2, 0.45


class Nearest:
    """A fake attack: grey right behind the boundary of the given model."""

    options = {}
    threat = None

    def __init__(self):
        self.attacked = []

    def __call__(self, model, images, labels):
        self.attacked.append((model.dtype_policy.name, len(images)))
        own = model.dtype_policy.name == "float32"
        return np.full_like(images, 0.501 if own else 0.499)


class Early(keras.layers.Layer):
    """Sees images 0.01 brighter than they are, in low precision."""

    def call(self, images):
        shift = 0.0 if self.dtype_policy.name == "float32" else 0.01
        return images + keras.ops.cast(shift, images.dtype)


def early():
    model = brightness()
    inputs = keras.Input(model.input_shape[1:])
    outputs = Early()(inputs)
    for layer in model.layers[1:]:
        outputs = layer(outputs)
    return keras.Model(inputs, outputs)


def test_images_that_fool_the_twin_alone_are_made_on_the_model():
    victim = early()
    with dtype_policy("mixed_bfloat16"):
        twin = early()
    attack = Nearest()
    report = run(victim, levels(*DARK), [attack], surrogate=twin)
    assert attack.attacked == [("mixed_bfloat16", 3), ("float32", 3)]
    assert report.attacks[0].robust_accuracy == 0.0
    assert report.flags == ()


def test_what_fools_both_is_not_made_again():
    victim = brightness()
    with dtype_policy("mixed_bfloat16"):
        twin = brightness()
    calls = []

    def invert(model, images, labels):
        calls.append(model)
        return 1 - images

    report = run(victim, levels(*DARK), [invert], surrogate=twin)
    assert calls == [twin]
    assert report.attacks[0].robust_accuracy == 0.0


def test_another_models_images_stay_as_they_are():
    victim, other = brightness(), brightness()
    kernel, bias = other.get_weights()
    other.set_weights([kernel, bias + np.array([-1.0, 1.0])])
    attack = Nearest()
    report = run(victim, levels(*DARK), [attack], surrogate=other)
    assert attack.attacked == [("float32", 3)]
    assert "no white box" in [flag.rule for flag in report.flags]


@pytest.mark.parametrize(
    "eps, levels, expected",
    [
        # From grey 0.1 to 0.495, then by 1 + 1/64 of the way: beyond 0.5.
        (None, None, 0.1 + 0.395 * (1 + 1 / 64)),
        # The same, on the nearest of 256 levels, 127.8; from 127.5 it fools.
        (None, 256, 128 / 255),
        (0.41, None, 0.1 + 0.395 * (1 + 1 / 64)),
        # No longer one is in the ball: made on the model itself.
        (0.4, None, 0.499),
    ],
)
def test_a_perturbation_just_too_short_is_lengthened(eps, levels, expected):
    victim = brightness()
    with dtype_policy("mixed_bfloat16"):
        twin = early()

    def algorithm(logits, images, labels):
        own = logits.model.dtype_policy.name == "float32"
        return tf.fill(tf.shape(images), 0.499 if own else 0.495)

    attack = Attack("toy", algorithm, "linf", eps, {}, levels=levels)
    shape = victim.input_shape[1:]
    scorer = Scorer(victim, shape, attacked=twin, draws=1, own=victim)
    grey = np.full((2, *shape), 0.1, "float32")
    crafted = scorer.craft(attack, grey, np.zeros(2, "int64"))
    np.testing.assert_allclose(crafted, expected, atol=1e-6)


def test_what_fools_the_model_is_not_lengthened():
    victim = brightness()
    with dtype_policy("mixed_bfloat16"):
        twin = early()

    def algorithm(logits, images, labels):
        return tf.fill(tf.shape(images), 0.501)

    shape = victim.input_shape[1:]
    scorer = Scorer(victim, shape, attacked=twin, draws=1, own=victim)
    crafted = scorer.craft(
        Attack("toy", algorithm, "l2", None, {}),
        np.full((1, *shape), 0.1, "float32"),
        np.zeros(1, "int64"),
    )
    np.testing.assert_allclose(crafted, 0.501, atol=1e-6)
