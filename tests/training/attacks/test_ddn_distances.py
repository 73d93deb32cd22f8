"""DDN against exact distances, in the box and image by image."""

import numpy as np
import pytest

from tests.helpers import LinearModel
from tests.helpers import box_distances
from tests.helpers import check_attack
from tests.helpers import lengths
from tests.helpers import targeted_lengths
from zoo.training import attacks


@pytest.mark.parametrize("levels", [None, 4096])
def test_finds_the_distance_to_a_hyperplane(levels):
    model = LinearModel((8, 8, 3), num_classes=2)
    images, labels = model.batch(16)
    attack = attacks.ddn(steps=100, levels=levels)
    adversarial = check_attack(attack, model.keras, images, labels)
    assert (model.logits(adversarial).argmax(1) != labels).all()
    ratios = lengths(adversarial - images) / model.distances(images, labels)
    assert ratios.min() > 1 - 1e-4
    assert ratios.max() < 1.02


def test_finds_the_nearest_of_several_hyperplanes():
    """All but two of 32 images, within 2 %.

    Those end at the hyperplane of the likeliest other class, 7 % farther
    away, and do so with 1000 steps too.
    """
    model = LinearModel((8, 8, 3), num_classes=5, scale=10.0)
    images, labels = model.batch(32)
    adversarial = attacks.ddn(levels=None)(model.keras, images, labels)
    assert (model.logits(adversarial.numpy()).argmax(1) != labels).all()
    ratios = lengths(adversarial - images) / model.distances(images, labels)
    assert ratios.min() > 1 - 1e-4
    assert np.median(ratios) < 1.02
    assert (ratios > 1.02).sum() <= 2
    assert ratios.max() < 1.08


def test_towards_each_class_finds_the_nearest_of_several_hyperplanes():
    """Of every image, among the results of four targeted attacks."""
    model = LinearModel((8, 8, 3), num_classes=5, scale=10.0)
    images, labels = model.batch(32)
    attack = attacks.ddn(levels=None, targeted=True)
    norms = targeted_lengths(attack, model, images, labels)
    ratios = norms / model.distances(images, labels)
    assert ratios.min() > 1 - 1e-4
    assert ratios.max() < 1.02


def test_finds_the_distance_where_the_box_binds():
    model = LinearModel((4, 4, 1))
    images, labels = model.batch_on_bounds(8)
    exact = box_distances(model, images, labels)
    assert (exact > 1.05 * model.distances(images, labels)).any()
    attack = attacks.ddn(steps=300, levels=None)
    adversarial = check_attack(attack, model.keras, images, labels)
    assert (model.logits(adversarial).argmax(1) != labels).all()
    ratios = lengths(adversarial - images) / exact
    assert ratios.min() > 1 - 1e-4
    assert ratios.max() < 1.02


def test_targeted_reaches_the_target_at_its_distance():
    """With two classes the target's distance is that of the boundary."""
    model = LinearModel((6, 6, 1), num_classes=2)
    images, labels = model.batch(8)
    attack = attacks.ddn(levels=None, targeted=True)
    adversarial = check_attack(attack, model.keras, images, 1 - labels)
    np.testing.assert_array_equal(
        model.logits(adversarial).argmax(1), 1 - labels
    )
    ratios = lengths(adversarial - images) / model.distances(images, labels)
    assert ratios.max() < 1.02
