"""Attacks on a lower-precision copy, whose losses are made good."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.training.evaluation.toys import brightness
from tests.training.evaluation.toys import levels
from tests.training.evaluation.toys import run
from zoo.inspection import is_stochastic
from zoo.loading import dtype_policy
from zoo.threat import ThreatModel
from zoo.training.attacks import Attack
from zoo.training.evaluation.engine.scoring import Scorer

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


class Coin(keras.layers.Layer):
    """Says that it is randomised, and isn't."""

    stochastic = True

    def call(self, images):
        return images


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


def test_images_that_fool_the_copy_alone_are_made_on_the_model():
    victim = early()
    with dtype_policy("mixed_bfloat16"):
        copy = early()
    attack = Nearest()
    report = run(victim, levels(*DARK), [attack], surrogate=copy)
    assert attack.attacked == [("mixed_bfloat16", 3), ("float32", 3)]
    assert report.attacks[0].robust_accuracy == 0.0
    assert report.flags == ()


def test_what_fools_both_is_not_made_again():
    victim = brightness()
    with dtype_policy("mixed_bfloat16"):
        copy = brightness()
    calls = []

    def invert(model, images, labels):
        calls.append(model)
        return 1 - images

    report = run(victim, levels(*DARK), [invert], surrogate=copy)
    assert calls == [copy]
    assert report.attacks[0].robust_accuracy == 0.0


def test_another_models_images_stay_as_they_are():
    victim, other = brightness(), brightness()
    kernel, bias = other.get_weights()
    other.set_weights([kernel, bias + np.array([-1.0, 1.0])])
    attack = Nearest()
    report = run(victim, levels(*DARK), [attack], surrogate=other)
    assert attack.attacked == [("float32", 3)]
    assert "no white box" in [flag.rule for flag in report.flags]


def short(**options):
    """A fake attack: grey 0.495 on a copy, 0.499 on the model itself."""

    def algorithm(logits, images, labels):
        own = logits.model.dtype_policy.name == "float32"
        return tf.fill(tf.shape(images), 0.499 if own else 0.495)

    options = {"norm": "linf", "eps": None, "minimal": True} | options
    return Attack("short", algorithm, options=options, **options)


def craft(attack, *, victim=None, balls=()):
    """Returns what a scorer makes of grey 0.1, which 0.5 and more fools."""
    victim = victim or brightness()
    with dtype_policy("mixed_bfloat16"):
        copy = early()
    shape = victim.input_shape[1:]
    scorer = Scorer(
        victim,
        shape,
        attacked=copy,
        draws=1,
        stochastic=is_stochastic(victim),
        full_precision=victim,
        balls=balls,
    )
    grey = np.full((2, *shape), 0.1, "float32")
    return scorer.craft(attack, grey, np.zeros(2, "int64"))


# From 0.1 to 0.495 it fools from 1.01266 times as far: 1.015625 of the
# factors, and of what lies between it and 1.0078125, all but the lowest half.
LENGTHENED = 0.1 + 0.395 * (1.0078125 + 0.625 * 0.0078125)


@pytest.mark.parametrize(
    "options, expected",
    [
        ({}, LENGTHENED),
        ({"levels": 256}, 128 / 255),  # The first above 0.5.
        ({"eps": 0.402}, LENGTHENED),
        # No longer one is in its ball: made on the model itself.
        ({"eps": 0.3995}, 0.499),
        ({"eps": 0.395 - 1e-7}, 0.499),  # In it but for rounding.
        # It wasn't to be small, so that a longer one may not be the attack's.
        ({"minimal": False}, 0.499),
    ],
)
def test_a_perturbation_just_too_short_is_lengthened(options, expected):
    np.testing.assert_allclose(craft(short(**options)), expected, atol=1e-6)


@pytest.mark.parametrize("eps, expected", [(0.402, LENGTHENED), (0.4, 0.499)])
def test_a_lengthened_perturbation_stays_in_the_balls_it_is_in(eps, expected):
    crafted = craft(short(), balls=[ThreatModel("linf", eps)])
    np.testing.assert_allclose(crafted, expected, atol=1e-6)


def test_balls_that_nothing_may_leave_count_when_resuming(tmp_path):
    with dtype_policy("mixed_bfloat16"):
        copy = early()

    def evaluated(eps, **options):
        threat = ThreatModel("linf", eps)
        return run(
            early(),
            levels(0.1),
            [short()],
            surrogate=copy,
            threat=threat,
            **options,
        )

    assert evaluated(0.402).worst_cases[0].robust.mean == 0
    assert evaluated(0.4).worst_cases[0].robust.mean == 1
    evaluated(0.402, resume=tmp_path)
    with pytest.raises(ValueError, match="balls was .*0.402.*, now .*0.4"):
        evaluated(0.4, resume=tmp_path)


def test_of_a_randomised_model_nothing_is_lengthened():
    """Any of the tries might be one lucky draw."""
    inputs = keras.Input(brightness().input_shape[1:])
    outputs = brightness()(Coin()(inputs))
    crafted = craft(short(), victim=keras.Model(inputs, outputs))
    np.testing.assert_allclose(crafted, 0.499, atol=1e-6)


def test_what_fools_the_model_is_not_lengthened():
    def algorithm(logits, images, labels):
        return tf.fill(tf.shape(images), 0.501)

    attack = Attack("toy", algorithm, "l2", None, {}, minimal=True)
    np.testing.assert_allclose(craft(attack), 0.501, atol=1e-6)
