"""The best pair of features against all pairs."""

import sys

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from zoo.training.attacks.jsma import _candidates
from zoo.training.attacks.jsma import most_salient_pair


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
