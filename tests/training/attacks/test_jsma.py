"""JSMA against the paper's algorithm, over all pairs."""

import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from tests.helpers import LinearModel
from tests.helpers import check_attack
from zoo.training import attacks
from zoo.training.attacks.jsma import _candidates
from zoo.training.attacks.jsma import most_salient_pair


def l0(adversarial, images):
    return (adversarial != images).sum((1, 2, 3))


def paper_jsma(model, images, labels, wanted, *, theta, budget, targeted):
    """Algorithms 1 and 3 in NumPy for a linear model, all pairs tried."""
    results = []
    for image, label, target in zip(images, labels, wanted, strict=True):
        current = image.copy()
        while True:
            logits = model.logits(current[None])[0]
            if (logits.argmax() == label) == targeted:
                break
            sign = np.sign(theta)
            gains = sign * model.kernel[:, target]
            losses = sign * (model.kernel[:, target] - model.kernel.sum(1))
            flat = current.ravel()
            usable = flat < 1 if theta > 0 else flat > 0
            gain, loss = (
                np.add.outer(gains, gains),
                np.add.outer(losses, losses),
            )
            valid = (gain > 0) & (loss > 0) & np.outer(usable, usable)
            np.fill_diagonal(valid, False)
            saliencies = np.where(valid, gain * loss, -1)
            pair = np.unravel_index(saliencies.argmax(), saliencies.shape)
            flat[list(pair)] = np.clip(flat[list(pair)] + theta, 0, 1)
            changed = (current != image).sum()
            if not valid.any() or changed > budget:
                current = image
                break
        results.append(current)
    return np.array(results)


@pytest.mark.parametrize("theta", [1.0, -1.0, 0.25, -0.3])
@pytest.mark.parametrize("targeted", [False, True])
def test_follows_the_paper_over_all_pairs(theta, targeted):
    """Some images fool the model, others run out of budget."""
    model = LinearModel((4, 4, 3), num_classes=4)
    images, labels = model.batch(16, closest=0.1, farthest=1.5)
    logits = model.logits(images)
    if targeted:
        labels = wanted = (labels + 1) % 4
    else:
        wanted = logits.argsort(1)[:, -2]
    attack = attacks.jsma(theta=theta, gamma=6 / 48, targeted=targeted)
    adversarial = check_attack(attack, model.keras, images, labels)
    paper = paper_jsma(
        model,
        images,
        labels,
        wanted,
        theta=np.float32(theta),
        budget=6,
        targeted=targeted,
    )
    np.testing.assert_allclose(adversarial, paper, atol=1e-6)
    changed = l0(adversarial, images)
    assert changed.max() <= 6
    assert (changed > 0).any()
    fooled = (model.logits(adversarial).argmax(1) == labels) == targeted
    np.testing.assert_array_equal(fooled, changed > 0)


def test_changes_the_fewest_values_of_two_classes():
    """The best pairs first: no fewer values cross, found by sorting."""
    model = LinearModel((6, 6, 1))
    images, labels = model.batch(12)
    attack = attacks.jsma(gamma=1.0)
    adversarial = check_attack(attack, model.keras, images, labels)
    assert (model.logits(adversarial).argmax(1) != labels).all()
    slopes = model.kernel[:, 1] - model.kernel[:, 0]
    for image, label, changed in zip(
        images, labels, l0(adversarial, images), strict=True
    ):
        sign = 1 if label == 0 else -1
        gains = np.maximum(sign * slopes * (1 - image.ravel()), 0)
        gap = -sign * (slopes @ (image.ravel() - 0.5))
        fewest = 1 + np.searchsorted(np.cumsum(np.sort(gains)[::-1]), gap)
        assert fewest <= changed <= fewest + 6


@pytest.mark.parametrize("theta", [1.0, -1.0])
def test_theta_only_increases_or_only_decreases(theta):
    model = LinearModel((6, 6, 3), num_classes=3)
    images, labels = model.batch(8)
    attack = attacks.jsma(theta=theta)
    adversarial = check_attack(attack, model.keras, images, labels)
    changes = theta * (adversarial - images)
    assert changes.max() > 0
    assert changes.min() >= 0
    assert set(np.unique(adversarial[changes > 0])) == {max(theta, 0.0)}


def test_a_misclassified_image_is_returned():
    model = LinearModel((6, 6, 3))
    images, labels = model.batch(4)
    adversarial = attacks.jsma()(model.keras, images, 1 - labels)
    np.testing.assert_array_equal(adversarial, images)


def test_a_full_image_cannot_be_increased():
    model = LinearModel((4, 4, 1))
    images = np.ones((2, 4, 4, 1), "float32")
    labels = model.logits(images).argmax(1)
    for theta in (1.0, 0.1):
        attack = attacks.jsma(theta=theta, gamma=1.0)
        adversarial = attack(model.keras, images, labels)
        np.testing.assert_array_equal(adversarial, images)


def test_a_step_too_small_for_float32_ends():
    model = LinearModel((4, 4, 1))
    images, labels = model.batch(2)
    attack = attacks.jsma(theta=1e-12)
    adversarial = attack(model.keras, images, labels)
    np.testing.assert_array_equal(adversarial, images)


def test_norm_is_l0_without_a_ball():
    assert attacks.jsma().norm == "l0"
    assert attacks.jsma().threat is None


class Switching(keras.layers.Layer):
    """A linear model whose kernel is one of two, drawn in each call."""

    def __init__(self, kernels):
        super().__init__()
        self.kernels = keras.ops.convert_to_tensor(kernels, "float32")
        self.generator = keras.random.SeedGenerator(0)

    def call(self, images):
        which = keras.random.randint((), 0, 2, seed=self.generator)
        flat = keras.ops.reshape(images, (-1, self.kernels.shape[1]))
        return flat @ keras.ops.take(self.kernels, which, axis=0)


def test_draws_average_the_derivatives_of_a_randomised_model():
    """Each kernel has a large distracting entry; their mean has none."""
    kernel = np.zeros((2, 16, 2))
    kernel[:, :, 0] = -0.01
    kernel[:, [3, 9], 1] = 1.0
    distraction = np.zeros(16)
    distraction[[0, 5]] = 5.0
    kernel[0, :, 1] += distraction
    kernel[1, :, 1] -= distraction
    model = keras.Sequential([keras.Input((4, 4, 1)), Switching(kernel)])
    images = np.zeros((1, 4, 4, 1), "float32")  # Of class 0 by a tie.
    attack = attacks.jsma(draws=200)
    adversarial = check_attack(attack, model, images, np.array([0]))
    np.testing.assert_array_equal(np.flatnonzero(adversarial != images), [3, 9])


@settings(max_examples=6, deadline=None)
@given(
    theta=st.sampled_from([1.0, -0.5, 0.01]),
    gamma=st.sampled_from([0.01, 0.3, 1.0]),
    shape=st.sampled_from([(1, 1, 1), (2, 3, 3), (5, 4, 1)]),
    targeted=st.booleans(),
    dtype=st.sampled_from(["float16", "float64"]),
)
def test_stays_within_the_fraction(theta, gamma, shape, targeted, dtype):
    model = LinearModel(shape, num_classes=3)
    images = model.rng.uniform(size=(4, *shape)).astype(dtype)
    images[0] = np.round(images[0])
    attack = attacks.jsma(theta=theta, gamma=gamma, targeted=targeted)
    adversarial = check_attack(attack, model.keras, images, [0, 1, 2, 0])
    changed = l0(adversarial, images.astype("float32"))
    assert (changed <= gamma * images[0].size).all()


@pytest.mark.parametrize(
    "options",
    [
        {"theta": 0},
        {"theta": 1.5},
        {"theta": float("nan")},
        {"gamma": 0.0},
        {"gamma": 1.5},
        {"draws": 0},
    ],
)
def test_bad_options_are_named(options):
    name, value = next(iter(options.items()))
    with pytest.raises(ValueError, match=f"Received: {name}={value!r}"):
        attacks.jsma(**options)


@pytest.fixture(scope="module")
def search():
    spec = tf.TensorSpec((3, 40), "float32")
    return tf.function(most_salient_pair).get_concrete_function(
        spec, spec, tf.TensorSpec((3, 40), "bool")
    )


def all_saliencies(gains, losses, eligible):
    """Saliency of each pair, a `(features, features)` matrix; else -1."""
    gain = np.add.outer(gains, gains).astype("float64")
    loss = np.add.outer(losses, losses).astype("float64")
    valid = (gain > 0) & (loss > 0) & np.logical_and.outer(eligible, eligible)
    np.fill_diagonal(valid, False)
    return np.where(valid, gain * loss, -1)


def check(search, gains, losses, eligible):
    pairs, found = search(
        *(tf.constant(terms, "float32") for terms in (gains, losses)),
        tf.constant(eligible),
    )
    for gain, loss, usable, pair, any_pair in zip(
        gains, losses, eligible, pairs.numpy(), found.numpy(), strict=True
    ):
        saliencies = all_saliencies(gain, loss, usable)
        assert any_pair == (saliencies.max() > 0)
        if any_pair:
            assert saliencies[tuple(pair)] >= saliencies.max() * (1 - 1e-5)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from(["free", "agree", "oppose", "ties", "rare", "tiny"]),
    share=st.sampled_from([0.0, 0.05, 0.5, 1.0]),
)
def test_finds_the_best_of_all_pairs(search, seed, kind, share):
    rng = np.random.default_rng(seed)
    gains, losses = rng.normal(size=(2, 3, 40))
    if kind == "agree":
        losses = gains + 0.1 * losses
    elif kind == "oppose":
        losses = 0.1 * losses - gains
    elif kind == "ties":
        gains, losses = np.round(gains), np.round(losses)
    elif kind == "rare":
        gains, losses = gains - 1.5, losses - 1.5
    elif kind == "tiny":
        gains, losses = gains * 1e-15, losses * 1e-30
    eligible = rng.uniform(size=gains.shape) < share
    check(search, gains.astype("float32"), losses.astype("float32"), eligible)


def test_a_feature_with_one_better_may_be_in_the_best_pair(search):
    """The second best of all is dominated, and is what is needed."""
    gains = np.full((3, 40), -1.0, "float32")
    losses = np.full((3, 40), -1.0, "float32")
    gains[:, [7, 20]] = losses[:, [7, 20]] = [3.0, 2.0]
    pairs, found = search(gains, losses, np.full((3, 40), True))
    assert found.numpy().all()
    np.testing.assert_array_equal(np.sort(pairs), [[7, 20]] * 3)


def test_nothing_is_found_where_nothing_is_salient(search):
    ones, every = np.ones((3, 40), "float32"), np.full((3, 40), True)
    for gains, losses in ((-ones, ones), (ones, -ones), (0 * ones, ones)):
        assert not search(gains, losses, every)[1].numpy().any()
    one = np.eye(3, 40) > 0
    assert not search(ones, ones, one)[1].numpy().any()


def test_blocks_change_nothing(search, monkeypatch):
    """A few pairs at a time, where all features are candidates."""
    rng = np.random.default_rng(0)
    gains = np.sort(rng.uniform(0.1, 1, size=(3, 40)), axis=1)
    losses = np.sort(rng.uniform(0.1, 1, size=(3, 40)), axis=1)[:, ::-1]
    every = np.full((3, 40), True)
    module = sys.modules["zoo.training.attacks.jsma"]
    monkeypatch.setattr(module, "_PAIRS_AT_ONCE", 500)
    check(
        tf.function(most_salient_pair),
        gains.astype("float32"),
        losses.astype("float32"),
        every,
    )


def test_candidates_are_few_in_a_large_image():
    """Of 128 x 128 x 3 values a few dozen are paired, or fewer."""
    rng = np.random.default_rng(0)
    gains, losses = rng.normal(size=(2, 1, 128 * 128 * 3)).astype("float32")
    features, _, _ = _candidates(gains, losses)
    assert features.shape[1] < 100
