"""One of several attacks for each image."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.helpers import LinearModel
from zoo.training import AdversarialTrainer
from zoo.training import attacks
from zoo.training.attacks import Attack


def marking(value, seen=None, **options):
    """An attack of known result, which notes how many images it sees."""

    def mark(logits, images, labels):
        if seen is not None:
            seen.append(images.shape[0])
        return tf.zeros_like(images) + value

    return Attack("marking", mark, "linf", 1.0, options)


@functools.cache
def model():
    return LinearModel((2, 2, 1)).keras


def crafted(attack, size):
    images = np.full((size, 2, 2, 1), 0.5, "float32")
    marks = attack(model(), images, np.zeros(size, int)).numpy()
    assert (np.ptp(marks, axis=(1, 2, 3)) == 0).all()
    return marks[:, 0, 0, 0]


@pytest.mark.parametrize(
    ("shares", "size", "sizes"),
    [
        (None, 9, [3, 3, 3]),
        ((0.45, 0.45, 0.1), 128, [58, 57, 13]),
        ((2, 1, 1), 8, [4, 2, 2]),
        ((1, 1, 1), 1, [0, 1, 0]),
        ((98, 1, 1), 5, [5, 0, 0]),
    ],
)
def test_each_image_meets_one_attack(shares, size, sizes):
    values = [0.0, 0.25, 1.0]
    attack = attacks.mixture(attacks=[*map(marking, values)], shares=shares)
    marks = crafted(attack, size)
    assert [int((marks == value).sum()) for value in values] == sizes


def test_an_attack_costs_its_share_alone_in_static_shapes():
    seen = [], []
    parts = [marking(i, seen[i]) for i in range(2)]
    attack = attacks.mixture(attacks=parts, shares=(3, 1))

    @tf.function
    def graph(images, labels):
        return attack(model(), images, labels)

    for _ in range(3):
        graph(tf.zeros((8, 2, 2, 1)), tf.zeros(8, "int32"))
    assert seen == ([6], [2])


def test_images_keep_their_places_and_labels():
    """Each share's results are those of its attack on these very images."""
    linear = LinearModel((4, 4, 1), num_classes=3)
    images, labels = linear.batch(12)
    parts = attacks.fgsm(eps=0.02), attacks.fgsm(norm="l2", eps=0.5)
    mixed = attacks.mixture(attacks=parts)(linear.keras, images, labels)
    each = [part(linear.keras, images, labels).numpy() for part in parts]
    which = [
        np.isclose(mixed, one, atol=1e-6).all(axis=(1, 2, 3)) for one in each
    ]
    assert [int(w.sum()) for w in which] == [6, 6]
    assert (which[0] ^ which[1]).all()


def test_the_seed_fixes_which_image_meets_which_attack():
    def draws(seed):
        parts = marking(0.0), marking(1.0)
        attack = attacks.mixture(attacks=parts, seed=seed)
        return [crafted(attack, 64) for _ in range(2)]

    first, second = draws(0)
    assert not np.array_equal(first, second)
    again = draws(0)
    np.testing.assert_array_equal(again, [first, second])
    assert not np.array_equal(draws(1)[0], first)


def test_no_image_comes_back_clean():
    """Right or wrong, near the boundary or too far to be fooled."""
    linear = LinearModel((6, 6, 1), num_classes=3)
    images, labels = linear.batch(30, closest=0.01, farthest=3.0)
    labels[::3] = (labels[::3] + 1) % 3
    attack = attacks.mixture(
        attacks=(
            attacks.ddn(steps=2, max_norm=0.3),
            attacks.pgd(eps=0.02, steps=2),
            attacks.deepfool(steps=2, classes=2, max_norm=0.3),
        )
    )
    adversarial = attack(linear.keras, images, labels).numpy()
    moved = np.abs(adversarial - images).max(axis=(1, 2, 3))
    assert (moved > 0).all()


CHEAP = attacks.fgsm(eps=0.02), attacks.fgsm(norm="l2", eps=0.5)
RECIPE = (
    attacks.ddn(steps=2, init_norm=1.3, max_norm=1.45),
    attacks.pgd(eps=0.1, steps=2),
    attacks.deepfool(steps=2, classes=2, max_norm=1.45),
)


@pytest.mark.parametrize(
    "parts", [CHEAP, pytest.param(RECIPE, marks=pytest.mark.large)]
)
def test_trains_under_xla(parts):
    """As Keras compiles a `fit` on a GPU, and though the last batch is odd."""
    linear = LinearModel((4, 4, 1), num_classes=3)
    trainer = AdversarialTrainer(linear.keras, attacks.mixture(attacks=parts))
    trainer.compile("sgd", jit_compile=True)
    images, labels = linear.batch(9)
    history = trainer.fit(images, labels, batch_size=6, verbose=0).history
    assert np.isfinite(history["loss"]).all()


def test_the_ball_is_the_largest_of_one_norm():
    pgd = attacks.pgd
    l2 = pgd(norm="l2", eps=1.0)
    assert attacks.mixture(attacks=[pgd(eps=0.1), pgd(eps=0.2)]).eps == 0.2
    mixed = attacks.mixture(attacks=[pgd(eps=0.1), l2])
    assert (mixed.norm, mixed.threat) == ("mixed", None)
    assert attacks.mixture(attacks=[l2, attacks.ddn()]).threat is None


def test_all_generators_are_shown():
    pgd, noise = attacks.pgd(eps=0.1), attacks.noise(eps=0.1)
    mixed = attacks.mixture(attacks=[pgd, attacks.fgsm(eps=0.1), noise])
    own, *others = mixed.generators
    assert isinstance(own, keras.random.SeedGenerator)
    assert others == [*pgd.generators, *noise.generators]


def test_needs_a_gradient_if_one_part_does():
    pgd, noise = attacks.pgd(eps=0.1), attacks.noise(eps=0.1)
    assert not attacks.mixture(attacks=[noise, pgd]).black_box
    assert attacks.mixture(attacks=[noise, noise]).black_box


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"attacks": []}, r"one attack or more, .* Received: attacks=\(\)"),
        ({"attacks": ["pgd"]}, r"Received: attacks=\('pgd',\)"),
        ({"attacks": [attacks.fgsm(eps=1, targeted=True)]}, "untargeted"),
        (
            {"attacks": [marking(0)], "shares": (1, 2)},
            r"must be 1, one an attack. Received: shares=\(1, 2\)",
        ),
        ({"attacks": [marking(0)], "shares": (0,)}, "Received: shares=0"),
    ],
)
def test_bad_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        attacks.mixture(**options)
