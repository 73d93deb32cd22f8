"""FGSM, BIM, PGD and MIM against known answers and CleverHans."""

import keras
import numpy as np
import pytest
from cleverhans.tf2.attacks.basic_iterative_method import basic_iterative_method
from cleverhans.tf2.attacks.fast_gradient_method import fast_gradient_method
from cleverhans.tf2.attacks.momentum_iterative_method import (
    momentum_iterative_method,
)
from cleverhans.tf2.attacks.projected_gradient_descent import (
    projected_gradient_descent,
)

from tests.helpers import LinearModel
from tests.helpers import check_attack
from tests.helpers import lengths
from tests.probes import Jitter
from tests.probes import Meter
from zoo.training import attacks

ORDERS = {"linf": np.inf, "l2": 2}
norms = pytest.mark.parametrize("norm", ["linf", "l2"])


@pytest.fixture(scope="module")
def network():
    """A small network whose loss is far from linear."""
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [
            keras.Input((6, 6, 3)),
            keras.layers.Conv2D(16, 3, activation="tanh"),
            keras.layers.Conv2D(16, 3, activation="tanh"),
            keras.layers.Flatten(),
            keras.layers.Dense(5),
        ]
    )


@pytest.fixture(scope="module")
def batch(network):
    """Images, and the classes that the network sees in them."""
    rng = np.random.default_rng(0)
    images = rng.uniform(size=(32, 6, 6, 3)).astype("float32")
    return images, network.predict(images, verbose=0).argmax(1)


def accuracy(model, images, labels):
    return np.mean(model.predict(images, verbose=0).argmax(1) == labels)


def cross_entropy(model, images, labels):
    logits = model.predict(images, verbose=0).astype("float64")
    logits -= logits.max(1, keepdims=True)
    true = logits[np.arange(len(labels)), labels]
    return np.log(np.exp(logits).sum(1)) - true


PEERS = {
    "fgsm": (
        lambda **options: attacks.fgsm(eps=0.2, **options),
        lambda *args, **options: fast_gradient_method(
            *args, eps=0.2, **options
        ),
    ),
    "bim": (
        lambda **options: attacks.bim(
            eps=0.2, steps=6, step_size=0.07, **options
        ),
        lambda *args, **options: basic_iterative_method(
            *args,
            eps=0.2,
            eps_iter=0.07,
            nb_iter=6,
            sanity_checks=False,
            **options,
        ),
    ),
    "pgd": (
        lambda **options: attacks.pgd(
            eps=0.2, steps=6, step_size=0.07, random_start=False, **options
        ),
        lambda *args, **options: projected_gradient_descent(
            *args, eps=0.2, eps_iter=0.07, nb_iter=6, **options
        ),
    ),
    "mim": (
        lambda **options: attacks.mim(
            eps=0.2, steps=6, step_size=0.07, decay=0.9, **options
        ),
        lambda *args, **options: momentum_iterative_method(
            *args,
            eps=0.2,
            eps_iter=0.07,
            nb_iter=6,
            decay_factor=0.9,
            sanity_checks=False,
            **options,
        ),
    ),
}


@norms
@pytest.mark.parametrize("targeted", [False, True])
@pytest.mark.parametrize("name", PEERS)
def test_equals_cleverhans(name, targeted, norm, network, batch):
    ours, theirs = PEERS[name]
    images, labels = batch
    labels = ((labels + targeted) % 5).astype("int32")
    if name == "mim":  # Where the box doesn't bind: it projects, then clips.
        images = images / 2 + 0.25
    expected = theirs(
        network,
        images,
        norm=ORDERS[norm],
        clip_min=0.0,
        clip_max=1.0,
        y=labels,
        targeted=targeted,
    )
    attack = ours(norm=norm, targeted=targeted)
    adversarial = check_attack(attack, network, images, labels)
    # A sign may flip where a gradient is almost 0.
    same = np.isclose(adversarial, expected, atol=1e-5)
    assert same.mean() > 0.999
    assert not np.allclose(adversarial, images)


@norms
@pytest.mark.parametrize("name", PEERS)
def test_crosses_a_hyperplane_inside_the_ball_only(name, norm):
    """A ball of 1.05 distances reaches across, one of 0.95 doesn't."""
    model = LinearModel((6, 6, 3))
    images, labels = model.batch_at(6, 0.4)
    distance = model.distances(images, labels, norm)[0]
    for factor, crosses in ((1.05, True), (0.95, False)):
        attack = attacks.by_name[name](norm=norm, eps=factor * distance)
        adversarial = check_attack(attack, model.keras, images, labels)
        crossed = model.logits(adversarial).argmax(1) != labels
        assert (crossed == crosses).all()


@norms
def test_fgsm_is_one_step_to_the_surface(norm):
    model = LinearModel((6, 6, 3))
    images, labels = model.batch(4)
    attack = attacks.fgsm(norm=norm, eps=0.1)
    perturbations = attack(model.keras, images, labels).numpy() - images
    np.testing.assert_allclose(lengths(perturbations, norm), 0.1, rtol=1e-4)
    toward = np.where(labels == 0, 1, -1)[:, None, None, None] * (
        model.kernel[:, 1] - model.kernel[:, 0]
    ).reshape(6, 6, 3)
    if norm == "linf":
        np.testing.assert_array_equal(np.sign(perturbations), np.sign(toward))
    else:
        cosines = (perturbations * toward).sum((1, 2, 3)) / (
            lengths(perturbations) * lengths(toward)
        )
        np.testing.assert_allclose(cosines, 1, atol=1e-5)


@norms
@pytest.mark.parametrize("name", ["bim", "pgd", "mim"])
def test_many_steps_beat_one(name, norm, network, batch):
    eps = {"linf": 0.05, "l2": 0.4}[norm]
    one = attacks.fgsm(norm=norm, eps=eps)(network, *batch)
    many = attacks.by_name[name](norm=norm, eps=eps, steps=20)(network, *batch)
    labels = batch[1]
    assert (
        cross_entropy(network, many, labels).mean()
        > cross_entropy(network, one, labels).mean()
    )


@pytest.mark.parametrize("name", ["bim", "pgd", "mim"])
def test_targeted_reaches_the_target(name, network, batch):
    images, labels = batch
    targets = (labels + 1) % 5
    attack = attacks.by_name[name](
        norm="l2", eps=3.0, steps=60, step_size=0.2, targeted=True
    )
    adversarial = check_attack(attack, network, images, targets)
    assert accuracy(network, adversarial, targets) > 0.95


@norms
def test_a_confident_model_does_not_stop_the_steps(norm):
    """At such logits the float32 gradient of the cross-entropy is 0."""
    model = LinearModel((6, 6, 3), scale=100.0)
    images, labels = model.batch(4, closest=0.3, farthest=0.5)
    assert (np.abs(np.diff(model.logits(images))) > 104).all()
    attack = attacks.fgsm(norm=norm, eps=0.6)
    adversarial = check_attack(attack, model.keras, images, labels)
    assert (model.logits(adversarial).argmax(1) != labels).all()


def test_a_small_gradient_is_followed_at_full_length():
    model = LinearModel((6, 6, 3), scale=1e-9)
    images, labels = model.batch(4)
    attack = attacks.fgsm(norm="l2", eps=0.1)
    adversarial = check_attack(attack, model.keras, images, labels)
    np.testing.assert_allclose(lengths(adversarial - images), 0.1, rtol=1e-4)


@norms
def test_random_starts_follow_the_seed(norm, network, batch):
    def attack(seed):
        return attacks.pgd(norm=norm, eps=0.1, steps=1, seed=seed)

    first = attack(3)
    one = first(network, *batch)
    again = first(network, *batch)
    assert not np.allclose(one, again)
    np.testing.assert_array_equal(attack(3)(network, *batch), one)
    assert not np.allclose(attack(4)(network, *batch), one)


@pytest.mark.parametrize("early_stop", [False, True])
def test_restarts_keep_each_images_worst(early_stop, network, batch):
    """Never worse than any single start drawn from the same seed."""
    images, labels = batch
    options = {"norm": "l2", "eps": 0.12, "steps": 2, "seed": 5}
    single = attacks.pgd(**options)
    singles = [single(network, images, labels) for _ in range(4)]
    attack = attacks.pgd(restarts=4, early_stop=early_stop, **options)
    worst = check_attack(attack, network, images, labels)
    predictions = network.predict(worst, verbose=0).argmax(1)
    fooled = [
        network.predict(one, verbose=0).argmax(1) != labels for one in singles
    ]
    expected = np.any(fooled, axis=0)
    assert not expected.all()  # The test would see nothing.
    if early_stop:  # Later starts differ: the batch shrank.
        assert (predictions != labels)[fooled[0]].all()
        return
    np.testing.assert_array_equal(predictions != labels, expected)
    losses = [cross_entropy(network, one, labels) for one in singles]
    np.testing.assert_allclose(
        cross_entropy(network, worst, labels),
        np.max(losses, axis=0),
        atol=1e-4,
    )


def test_restarts_prefer_success_to_loss():
    """Loss 1.08 at a failure, 0.92 at a success: with three classes."""
    from zoo.training.attacks.parts.restarts import _is_worse

    fooled = np.array([True, False, True, False])
    losses = np.array([0.92, 1.08, 1.0, 1.0])
    fooled_before = np.array([False, True, True, False])
    losses_before = np.array([1.08, 0.92, 0.9, 1.1])
    np.testing.assert_array_equal(
        _is_worse(fooled, losses, fooled_before, losses_before),
        [True, False, True, False],
    )


@norms
def test_early_stop_fools_as_many(norm, network, batch):
    images, labels = batch
    eps = {"linf": 0.02, "l2": 0.15}[norm]
    options = {"norm": norm, "eps": eps, "steps": 10, "random_start": False}
    full = attacks.pgd(**options)(network, images, labels)
    attack = attacks.pgd(early_stop=True, **options)
    early = check_attack(attack, network, images, labels)
    robust = network.predict(early, verbose=0).argmax(1) == labels
    assert 0 < robust.mean() < 1
    full_robust = network.predict(full, verbose=0).argmax(1) == labels
    assert (full_robust | ~robust).all()
    np.testing.assert_allclose(early[robust], full[robust], atol=1e-5)


def test_early_stop_leaves_misclassified_images_alone(network, batch):
    images, labels = batch
    wrong = (labels + 1) % 5
    attack = attacks.pgd(eps=0.1, early_stop=True, random_start=False)
    np.testing.assert_array_equal(attack(network, images, wrong), images)


@pytest.mark.parametrize("early_stop", [False, True])
def test_early_stop_spends_nothing_on_fooled_images(early_stop):
    """Two of five images are misclassified: one step and one test."""
    linear = LinearModel((6, 6, 3))
    images, labels = linear.batch_at(5, 1.0)
    labels[:2] = 1 - labels[:2]
    meter = Meter()
    model = keras.Sequential([keras.Input((6, 6, 3)), meter, linear.keras])
    meter.passed.assign(0)
    attack = attacks.pgd(eps=0.01, steps=4, restarts=3, early_stop=early_stop)
    attack(model, images, labels)
    spent = 3 * (4 + 1)  # In each restart, four steps and a test.
    assert meter.passed == 3 * spent + 2 * ((1 + 1) if early_stop else spent)


@pytest.mark.parametrize("name", ["fgsm", "ddn"])
def test_draws_average_out_the_noise_of_a_randomised_model(name):
    """Noise tilts a quadratic's gradient; many draws agree, few don't."""
    clean = LinearModel((6, 6, 3))
    images, labels = clean.batch(4)

    def quadratic(jitter):
        outputs = inputs = keras.Input((6, 6, 3))
        outputs = keras.layers.Flatten()(jitter(outputs))
        outputs = keras.layers.Dense(8, activation="tanh")(outputs)
        return keras.Model(inputs, keras.layers.Dense(2)(outputs))

    keras.utils.set_random_seed(0)
    noisy = quadratic(Jitter(0.3))

    def spread(draws):
        """Mean distance between two results for the same images."""
        if name == "fgsm":
            attack = attacks.fgsm(norm="l2", eps=1.0, draws=draws)
        else:
            attack = attacks.ddn(
                steps=1, levels=None, fallback="last", draws=draws
            )
        one = check_attack(attack, noisy, images, labels * 0)
        two = check_attack(attack, noisy, images, labels * 0)
        return lengths(one - two).mean()

    assert spread(64) < 0.4 * spread(1)


def test_draws_of_a_fixed_model_change_nothing(network, batch):
    for draws in (2, 5):
        one = attacks.bim(norm="l2", eps=0.3)(network, *batch)
        many = attacks.bim(norm="l2", eps=0.3, draws=draws)(network, *batch)
        np.testing.assert_allclose(many, one, atol=1e-5)
