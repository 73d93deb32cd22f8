"""Attacks on a twin of other precision: what it loses is made good."""

import keras
import numpy as np

from tests.training.evaluation.toys import brightness
from tests.training.evaluation.toys import levels
from tests.training.evaluation.toys import run
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
