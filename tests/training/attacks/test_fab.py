"""FAB-T against exact distances, with and without the box."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from tests.helpers import LinearModel
from tests.helpers import box_distances
from tests.helpers import check_attack
from tests.helpers import lengths
from tests.probes import Meter
from zoo.training import attacks

norms = pytest.mark.parametrize("norm", ["linf", "l2"])


@norms
@pytest.mark.parametrize("num_classes", [2, 5])
def test_finds_the_distance_to_the_nearest_hyperplane(norm, num_classes):
    model = LinearModel((6, 6, 3), num_classes, scale=100.0)
    images, labels = model.batch(8)
    attack = attacks.fab(norm=norm, steps=10)
    adversarial = check_attack(attack, model.keras, images, labels)
    assert (model.logits(adversarial).argmax(1) != labels).all()
    distances = model.distances(images, labels, norm)
    ratios = lengths(adversarial - images, norm) / distances
    assert ratios.min() > 1 - 1e-4
    assert ratios.max() < 1.001


@norms
@pytest.mark.parametrize("num_classes", [2, 4])
def test_finds_the_distance_where_the_box_binds(norm, num_classes):
    model = LinearModel((4, 4, 1), num_classes)
    images, labels = model.batch_on_bounds(8)
    exact = box_distances(model, images, labels, norm)
    assert (exact > 1.1 * model.distances(images, labels, norm)).any()
    attack = attacks.fab(norm=norm, steps=30)
    adversarial = check_attack(attack, model.keras, images, labels)
    assert (model.logits(adversarial).argmax(1) != labels).all()
    ratios = lengths(adversarial - images, norm) / exact
    assert ratios.min() > 1 - 1e-3
    assert ratios.max() < 1.02


def quadratic():
    """Returns a model with curved boundaries and images of four classes."""
    rng = np.random.default_rng(1)
    kernel = rng.normal(size=(4, 27)).astype("float32")
    centers = rng.uniform(size=(4, 27)).astype("float32")
    inputs = keras.Input((3, 3, 3))
    offsets = keras.layers.Reshape((1, 27))(inputs) - centers
    model = keras.Model(inputs, keras.ops.sum(offsets**2 * kernel, -1))
    images = rng.uniform(size=(12, 3, 3, 3)).astype("float32")
    return model, images, model.predict(images, verbose=0).argmax(1)


@norms
def test_is_better_than_deepfool_on_curved_boundaries(norm):
    model, images, labels = quadratic()
    attack = attacks.fab(norm=norm, steps=30)
    adversarial = check_attack(attack, model, images, labels)
    assert (model.predict(adversarial, verbose=0).argmax(1) != labels).all()
    peer = attacks.deepfool(norm=norm)(model, images, labels)
    ours, theirs = (
        lengths(results - images, norm) for results in (adversarial, peer)
    )
    assert (ours < 1.001 * theirs).all()
    assert np.median(ours / theirs) < 0.99


@norms
def test_restarts_leave_a_plateau_and_follow_the_seed(norm):
    """At the image the gradient is 0; a boundary is near, on all sides."""
    inputs = keras.Input((3, 3, 1))
    rise = keras.ops.relu(keras.ops.abs(inputs - 0.5) - 0.02)
    rise = keras.ops.sum(rise, (1, 2))
    logits = keras.ops.concatenate([rise * 0 + 0.1, rise], -1)
    model = keras.Model(inputs, logits)
    images = np.full((3, 3, 3, 1), 0.5, "float32")
    labels = np.zeros(3, int)

    def results(restarts, seed=None):
        attack = attacks.fab(norm=norm, steps=20, restarts=restarts, seed=seed)
        return check_attack(attack, model, images, labels)

    np.testing.assert_array_equal(results(1), images)
    several = results(4, seed=0)
    # With k pixels moving, 0.02 + 0.1 / k each: one is farthest, and nine
    # in L-inf, five in L2, are nearest.
    shortest = {"linf": 0.02 + 0.1 / 9, "l2": 5**0.5 * 0.04}[norm]
    distances = lengths(several - images, norm)
    assert distances.min() > 0.999 * shortest
    assert distances.max() < 1.001 * 0.12
    np.testing.assert_array_equal(results(4, seed=0), several)
    assert not np.array_equal(results(4, seed=1), several)


@norms
def test_a_ball_bounds_the_results(norm):
    """Beyond it images count as failed; fooled within, they leave early."""
    model = LinearModel((6, 6, 3), num_classes=3)
    images, labels = model.batch(12)
    distances = model.distances(images, labels, norm)
    eps = np.median(distances)
    attack = attacks.fab(norm=norm, eps=eps, steps=10, restarts=2)
    assert attack.threat.eps == eps
    adversarial = check_attack(attack, model.keras, images, labels)
    crossed = model.logits(adversarial).argmax(1) != labels
    np.testing.assert_array_equal(crossed, distances < eps)
    np.testing.assert_array_equal(adversarial[~crossed], images[~crossed])


def test_spends_nothing_on_images_that_are_done():
    """One is misclassified, one close, two too far for the ball."""
    linear = LinearModel((6, 6, 3))
    images, labels = linear.batch_at(4, 1.0)
    near, near_labels = linear.batch_at(2, 0.1)
    images[:2], labels[:2] = near, near_labels
    labels[0] = 1 - labels[0]
    meter = Meter()
    model = keras.Sequential([keras.Input((6, 6, 3)), meter, linear.keras])
    meter.passed.assign(0)
    attacks.fab(norm="l2", eps=0.5, steps=5)(model, images, labels)
    step = 1 + 1  # The gradient and the test.
    search = 1 + 3  # The best, and the points tried.
    assert meter.passed == 4 + step + 2 * (5 * step + search)


@norms
def test_failures_and_mistakes_come_back_unperturbed(norm):
    model = LinearModel((4, 4, 1), num_classes=2)
    images, labels = model.batch(4)
    attack = attacks.fab(norm=norm, steps=3, restarts=2)
    wrong = 1 - labels
    np.testing.assert_array_equal(attack(model.keras, images, wrong), images)
    model.keras.set_weights([model.kernel * 0, np.array([1.0, 0.0])])
    unmoved = attack(model.keras, images, labels * 0)
    np.testing.assert_array_equal(unmoved, images)


def test_a_boundary_outside_the_box_is_not_crossed():
    """The lower logit never catches up in [0, 1]."""
    model = LinearModel((4, 4, 1), num_classes=2)
    reach = np.abs(np.diff(model.kernel)).sum()
    model.keras.set_weights([model.kernel, np.array([2 * reach, 0.0])])
    images, _ = model.batch(4)
    attack = attacks.fab(norm="l2", steps=3, restarts=2)
    adversarial = check_attack(attack, model.keras, images, np.zeros(4, int))
    np.testing.assert_array_equal(adversarial, images)


@settings(max_examples=4, deadline=None)
@given(
    norm=st.sampled_from(["linf", "l2"]),
    eps=st.sampled_from([0.0, 0.03, 1.0]),
    shape=st.tuples(
        st.integers(1, 3), *[st.integers(1, 4)] * 2, st.sampled_from([1, 3])
    ),
    dtype=st.sampled_from(["float16", "float32", "float64"]),
    restarts=st.sampled_from([1, 2]),
    seed=st.integers(0, 99),
)
def test_stays_in_the_ball(norm, eps, shape, dtype, restarts, seed):
    model = LinearModel(shape[1:], num_classes=3, seed=seed)
    images = model.rng.uniform(size=shape).astype(dtype)
    images.flat[0] = 0
    images.flat[-1] = 1
    labels = model.rng.integers(0, 3, shape[0])
    attack = attacks.fab(
        norm=norm, eps=eps, steps=4, restarts=restarts, seed=seed
    )
    adversarial = check_attack(attack, model.keras, images, labels)
    if eps == 0:
        np.testing.assert_array_equal(adversarial, images.astype("float32"))
