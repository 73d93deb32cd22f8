"""Random noise against what chance must give."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from tests.helpers import LinearModel
from tests.helpers import check_attack
from tests.helpers import lengths
from zoo.training import attacks

norms = pytest.mark.parametrize("norm", ["linf", "l2"])


@norms
def test_cannot_cross_a_hyperplane_out_of_the_ball(norm):
    model = LinearModel((3, 3, 1))
    images, labels = model.batch_at(8, 0.2)
    eps = 0.95 * model.distances(images, labels, norm)[0]
    attack = attacks.noise(norm=norm, eps=eps, repeats=100)
    adversarial = check_attack(attack, model.keras, images, labels)
    assert (model.logits(adversarial).argmax(1) == labels).all()


def test_fools_as_often_as_chance():
    """On one value, at half the radius: a quarter of the noise crosses."""
    model = LinearModel((1, 1, 1))
    images, labels = model.batch_at(2000, 0.1)
    for repeats, fooled in ((1, 0.25), (3, 1 - 0.75**3)):
        attack = attacks.noise(eps=0.2, repeats=repeats, seed=0)
        adversarial = check_attack(attack, model.keras, images, labels)
        rate = np.mean(model.logits(adversarial).argmax(1) != labels)
        np.testing.assert_allclose(rate, fooled, atol=0.04)


def test_targeted_reaches_the_target_by_chance():
    model = LinearModel((1, 1, 1))
    images, labels = model.batch_at(200, 0.01)
    attack = attacks.noise(eps=0.2, repeats=20, targeted=True)
    adversarial = check_attack(attack, model.keras, images, 1 - labels)
    assert (model.logits(adversarial).argmax(1) != labels).all()


@norms
def test_keeps_the_highest_loss(norm):
    """More noise from one seed comes closer to the boundary."""
    model = LinearModel((3, 3, 1))
    images, labels = model.batch_at(8, 0.4)
    gaps = []
    for repeats in (2, 20):
        attack = attacks.noise(norm=norm, eps=0.1, repeats=repeats, seed=1)
        adversarial = check_attack(attack, model.keras, images, labels)
        gaps.append(model.distances(adversarial, labels))
    assert (gaps[1] <= gaps[0]).all()
    assert (gaps[1] < gaps[0]).any()


def test_seed_fixes_the_noise():
    model = LinearModel((3, 3, 1))
    images, labels = model.batch(3)

    def attack(seed):
        return attacks.noise(eps=0.1, seed=seed)(model.keras, images, labels)

    np.testing.assert_array_equal(attack(3), attack(3))
    assert not np.allclose(attack(4), attack(3))


@settings(max_examples=6, deadline=None)
@given(
    norm=st.sampled_from(["linf", "l2"]),
    eps=st.sampled_from([0.0, 0.01, 1.0]),
    repeats=st.sampled_from([1, 3]),
    dtype=st.sampled_from(["float16", "float64"]),
)
def test_stays_in_the_ball(norm, eps, repeats, dtype):
    model = LinearModel((2, 3, 3), num_classes=3)
    images = model.rng.uniform(size=(4, 2, 3, 3)).astype(dtype)
    images[0] = np.round(images[0])
    attack = attacks.noise(norm=norm, eps=eps, repeats=repeats)
    adversarial = check_attack(attack, model.keras, images, [0, 1, 2, 0])
    if eps == 0:
        np.testing.assert_array_equal(adversarial, images.astype("float32"))
    else:
        assert (lengths(adversarial - images, norm) > 0).all()


@pytest.mark.parametrize(
    "options", [{"repeats": 0}, {"draws": 1.5}, {"norm": "l0"}]
)
def test_bad_options_are_named(options):
    name, value = next(iter(options.items()))
    with pytest.raises(ValueError, match=f"Received: {name}={value!r}"):
        attacks.noise(eps=0.1, **options)
