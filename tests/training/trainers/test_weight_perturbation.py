"""Adversarial weight perturbation, against a step computed by hand."""

import keras
import numpy as np
import pytest
from scipy.special import softmax

from zoo.training import AdversarialTrainer

RNG = np.random.default_rng(0)
IMAGES = RNG.random((16, 2, 2, 1), "float32")
LABELS = RNG.integers(0, 3, 16)
GAMMA = 0.1
RATE = 0.5


def linear():
    inputs = keras.Input((2, 2, 1))
    x = keras.layers.Flatten()(inputs)
    return keras.Model(inputs, keras.layers.Dense(3)(x))


def stay(model, images, labels):
    return images


def gradients(kernel, bias):
    rows = IMAGES.reshape(16, -1)
    errors = softmax(rows @ kernel + bias, axis=-1) - np.eye(3)[LABELS]
    return rows.T @ errors / 16, errors.mean(0)


def test_step_is_taken_at_the_moved_kernel():
    """Equations 8 and 9; biases don't move."""
    model = linear()
    kernel, bias = (weight.astype("float64") for weight in model.get_weights())
    trainer = AdversarialTrainer(
        model, stay, clean_weight=0.0, weight_perturbation=GAMMA
    )
    trainer.compile(keras.optimizers.SGD(RATE))
    trainer.train_on_batch(IMAGES, LABELS)
    ascent, _ = gradients(kernel, bias)
    move = GAMMA * np.linalg.norm(kernel) / np.linalg.norm(ascent) * ascent
    descent, bias_descent = gradients(kernel + move, bias)
    expected = kernel - RATE * descent, bias - RATE * bias_descent
    for weight, wanted in zip(model.get_weights(), expected, strict=True):
        np.testing.assert_allclose(weight, wanted, atol=1e-6)


def test_loss_is_that_of_the_moved_weights():
    logs = []
    for gamma in (0.0, GAMMA):
        keras.utils.set_random_seed(0)
        trainer = AdversarialTrainer(
            linear(), stay, clean_weight=0.0, weight_perturbation=gamma
        )
        trainer.compile(keras.optimizers.SGD(0.0))
        logs.append(trainer.train_on_batch(IMAGES, LABELS, return_dict=True))
    assert logs[1]["loss"] > logs[0]["loss"]


def test_many_steps_leave_no_move_behind():
    model = linear()
    before = model.get_weights()
    trainer = AdversarialTrainer(model, stay, weight_perturbation=GAMMA)
    trainer.compile(keras.optimizers.SGD(0.0))
    trainer.fit(IMAGES, LABELS, batch_size=4, epochs=3, verbose=0)
    for weight, old in zip(model.get_weights(), before, strict=True):
        np.testing.assert_allclose(weight, old, atol=1e-6)


def test_weights_without_gradient_stay_finite():
    model = linear()
    model.set_weights([np.zeros((4, 3)), np.zeros(3)])
    trainer = AdversarialTrainer(model, stay, weight_perturbation=GAMMA)
    trainer.compile(keras.optimizers.SGD(0.1))
    trainer.train_on_batch(IMAGES, LABELS)
    assert np.isfinite(model.get_weights()[0]).all()


def test_refusals():
    for gamma in (-0.1, np.inf, np.nan):
        with pytest.raises(ValueError, match="weight_perturbation="):
            AdversarialTrainer(linear(), stay, weight_perturbation=gamma)


def test_validation_attack_is_the_one_that_validates():
    def brighten(model, images, labels):
        return images * 0.0 + 1.0

    model = linear()
    trainer = AdversarialTrainer(model, stay, validation_attack=brighten)
    trainer.compile(keras.optimizers.SGD(0.0))
    logs = trainer.evaluate(IMAGES, LABELS, verbose=0, return_dict=True)
    right = model(np.ones_like(IMAGES)).numpy().argmax(1) == LABELS
    np.testing.assert_allclose(logs["adversarial_accuracy"], right.mean())
    with pytest.raises(ValueError, match="validation_attack"):
        AdversarialTrainer(model, stay, validation_attack=3)
