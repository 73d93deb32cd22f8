"""The gradient attack against exact distances along the gradient."""

import keras
import numpy as np
import pytest

from tests.helpers import LinearModel
from tests.helpers import check_attack
from tests.helpers import lengths
from tests.peers import import_foolbox
from tests.probes import Jitter
from zoo.training import attacks


def fooled(model, adversarial, labels):
    return model.predict(adversarial, verbose=0).argmax(1) != labels


def test_finds_the_distance_to_a_hyperplane():
    model = LinearModel((8, 8, 3), num_classes=2)
    images, labels = model.batch(16)
    adversarial = check_attack(attacks.gradient(), model.keras, images, labels)
    assert fooled(model.keras, adversarial, labels).all()
    ratios = lengths(adversarial - images) / model.distances(images, labels)
    assert ratios.min() > 1 - 1e-4
    assert ratios.max() < 1.001


def along_the_gradient(model, images, labels):
    """Returns the L2 length at which each gradient meets another class."""
    logits = model.logits(images)
    rows = np.arange(len(images))
    others = np.exp(logits - logits.max(1, keepdims=True))
    others[rows, labels] = 0
    others /= others.sum(1, keepdims=True)
    directions = others @ model.kernel.T - model.kernel.T[labels]
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    slopes = directions @ model.kernel
    closing = slopes - slopes[rows, labels][:, None]
    gaps = logits[rows, labels][:, None] - logits
    gaps[rows, labels] = np.inf
    return np.where(closing > 0, gaps / np.maximum(closing, 1e-9), np.inf).min(
        1
    )


def test_finds_the_first_of_several_hyperplanes():
    model = LinearModel((8, 8, 3), num_classes=5)
    images, labels = model.batch(16)
    adversarial = check_attack(attacks.gradient(), model.keras, images, labels)
    assert fooled(model.keras, adversarial, labels).all()
    np.testing.assert_allclose(
        lengths(adversarial - images),
        along_the_gradient(model, images, labels),
        rtol=1e-3,
    )


def test_without_bisection_lengths_are_multiples_of_the_spacing():
    model = LinearModel((8, 8, 3))
    images, labels = model.batch_at(4, 0.33)
    attack = attacks.gradient(steps=10, bisection_steps=0, max_norm=1.0)
    adversarial = check_attack(attack, model.keras, images, labels)
    np.testing.assert_allclose(lengths(adversarial - images), 0.4, rtol=1e-4)
    attack = attacks.gradient(steps=10, bisection_steps=2, max_norm=1.0)
    adversarial = check_attack(attack, model.keras, images, labels)
    np.testing.assert_allclose(lengths(adversarial - images), 0.35, rtol=1e-4)


def test_an_image_out_of_reach_is_returned():
    model = LinearModel((8, 8, 3))
    images, labels = model.batch_at(4, 0.5)
    attack = attacks.gradient(max_norm=0.49)
    adversarial = check_attack(attack, model.keras, images, labels)
    np.testing.assert_array_equal(adversarial, images)
    attack = attacks.gradient(max_norm=0.51)
    adversarial = check_attack(attack, model.keras, images, labels)
    assert fooled(model.keras, adversarial, labels).all()


def test_a_misclassified_image_is_returned():
    model = LinearModel((8, 8, 3))
    images, labels = model.batch(4)
    attack = attacks.gradient()
    adversarial = check_attack(attack, model.keras, images, 1 - labels)
    np.testing.assert_array_equal(adversarial, images)


def test_targeted_reaches_the_target():
    model = LinearModel((8, 8, 3), num_classes=4)
    images, labels = model.batch(8)
    for offset in (1, 3):
        targets = (labels + offset) % 4
        attack = attacks.gradient(targeted=True)
        adversarial = check_attack(attack, model.keras, images, targets)
        moved = lengths(adversarial - images) > 0
        reached = ~fooled(model.keras, adversarial, targets)
        np.testing.assert_array_equal(reached, moved)
        assert moved.mean() > 0.5


def test_draws_find_the_distance_for_the_mean_of_the_noise():
    """The noise moves every image by some 0.1 along the normal."""
    linear = LinearModel((6, 6, 3), scale=0.3)
    images, labels = linear.batch_at(6, 0.4)
    noisy = keras.Sequential(
        [keras.Input((6, 6, 3)), Jitter(0.1), linear.keras]
    )
    errors = []
    for draws in (1, 100):
        attack = attacks.gradient(max_norm=2.0, steps=20, draws=draws)
        adversarial = check_attack(attack, noisy, images, labels)
        errors.append(np.abs(lengths(adversarial - images) - 0.4).mean())
    assert errors[1] < 0.05
    assert errors[1] < errors[0]


@pytest.mark.parametrize(
    "options",
    [{"steps": 0}, {"bisection_steps": -1}, {"max_norm": 0.0}, {"draws": 0}],
)
def test_bad_options_are_named(options):
    name, value = next(iter(options.items()))
    with pytest.raises(ValueError, match=f"Received: {name}={value!r}"):
        attacks.gradient(**options)


@pytest.mark.large
def test_is_as_short_as_foolboxs_best():
    """Foolbox's fast gradient method, at each length of a fine grid."""
    foolbox = import_foolbox()
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((6, 6, 3)),
            keras.layers.Conv2D(16, 3, activation="tanh"),
            keras.layers.Flatten(),
            keras.layers.Dense(5),
        ]
    )
    images = np.random.default_rng(0).uniform(size=(32, 6, 6, 3))
    images = images.astype("float32")
    labels = model.predict(images, verbose=0).argmax(1)
    ours = attacks.gradient(max_norm=2.0, steps=200)(model, images, labels)
    grid = np.linspace(0, 2, 201)[1:]
    _, _, success = foolbox.attacks.L2FastGradientAttack()(
        foolbox.TensorFlowModel(model, bounds=(0, 1)),
        keras.ops.convert_to_tensor(images),
        keras.ops.convert_to_tensor(labels),
        epsilons=grid,
    )
    success = np.asarray(success)
    first = np.where(success.any(0), grid[success.argmax(0)], np.inf)
    moved = fooled(model, ours, labels)
    np.testing.assert_array_equal(moved, np.isfinite(first))
    assert 0 < moved.mean()
    norms = lengths(ours - images)[moved]
    assert (norms <= first[moved] * (1 + 1e-4)).all()
    assert (norms.mean() / first[moved].mean()) > 0.8
