"""Two or three classes: AutoAttack and its kin against exact answers."""

import functools

import numpy as np
import pytest

from tests.helpers import LinearModel
from tests.helpers import check_attack
from zoo.threat import ThreatModel
from zoo.training import attacks

norms = pytest.mark.parametrize("norm", ["linf", "l2"])
few = pytest.mark.parametrize("num_classes", [2, 3])


@functools.cache
def setting(num_classes, norm):
    """Returns images half of which a ball lets fool, and which.

    None is nearer to the ball's surface than 2 % of its radius.
    """
    model = LinearModel((4, 4, 3), num_classes, scale=10.0)
    images, labels = model.batch(40)
    distances = model.distances(images, labels, norm)
    eps = float(np.median(distances))
    clear = np.abs(distances / eps - 1) > 0.02
    assert clear.sum() > 30
    robust = distances[clear] > eps
    assert 0.3 < robust.mean() < 0.7
    return model, ThreatModel(norm, eps), images[clear], labels[clear], robust


def left_robust(attack, num_classes, norm):
    """Returns which images withstand the attack."""
    model, threat, images, labels, _ = setting(num_classes, norm)
    assert attack.threat == threat
    adversarial = check_attack(attack, model.keras, images, labels)
    return model.logits(adversarial).argmax(1) == labels


@few
@norms
def test_the_standard_suite_leaves_what_no_attack_can_fool(num_classes, norm):
    """APGD-T and FAB-T each find all there are.

    So do APGD and Square with two classes. With three they climb towards one
    of two boundaries, and one image of 36 is in reach of the other alone. In
    L2 Square's bumps are smoother than any hyperplane here.
    """
    _, threat, *_, robust = setting(num_classes, norm)
    suite = attacks.suite("standard", threat, steps=20, queries=1500, seed=0)
    lefts = {
        attack.name: left_robust(attack, num_classes, norm) for attack in suite
    }
    np.testing.assert_array_equal(np.all([*lefts.values()], axis=0), robust)
    np.testing.assert_array_equal(lefts["apgdt"], robust)
    np.testing.assert_array_equal(lefts["fab"], robust)
    missed = num_classes - 2
    assert (lefts["apgd"] != robust).sum() <= missed
    if norm == "linf":
        assert (lefts["square"] != robust).sum() <= missed


@few
@norms
def test_the_suite_for_randomised_models_leaves_what_no_attack_can_fool(
    num_classes, norm
):
    """Each of its attacks does; one start may lead to one other class only."""
    _, threat, *_, robust = setting(num_classes, norm)
    for attack in attacks.suite("rand", threat, steps=20, draws=1, seed=0):
        options = {**attack.options, "restarts": 5}
        left = left_robust(attacks.apgd(**options), num_classes, norm)
        np.testing.assert_array_equal(left, robust)


@few
@norms
def test_deepfool_leaves_what_is_farther_than_its_bound(num_classes, norm):
    _, threat, *_, robust = setting(num_classes, norm)
    attack = attacks.deepfool(norm=norm, max_norm=threat.eps, overshoot=0.01)
    np.testing.assert_array_equal(
        left_robust(attack, num_classes, norm), robust
    )


def test_apgdt_seeks_every_other_class_of_three():
    """The likeliest is 0.3 away, the other one 0.25, the other way."""
    model = LinearModel((2, 1, 1), num_classes=3)
    model.keras.set_weights(
        [np.array([[0, -0.1, 4], [0, 0, 0]]), np.array([1, 1.02, -2])]
    )
    images = np.full((1, 2, 1, 1), 0.5, "float32")
    labels = np.array([0])
    for eps, classes, fooled in (
        (0.26, 9, True),
        (0.26, 2, True),
        (0.26, 1, False),
        (0.24, 9, False),
    ):
        attack = attacks.apgdt(eps=eps, classes=classes, steps=20, seed=0)
        adversarial = check_attack(attack, model.keras, images, labels)
        logits = np.asarray(model.keras(adversarial))
        assert (logits.argmax(1) != labels).all() == fooled, (eps, classes)
