"""Attacks can be copied and pickled, and draw on as the original would."""

import copy
import pickle

import keras
import numpy as np
import pytest

from tests.helpers import LinearModel
from zoo.training import attacks
from zoo.training.attacks.rp2 import Sticker

COPIES = {
    "deepcopy": copy.deepcopy,
    "pickle": lambda attack: pickle.loads(pickle.dumps(attack)),
}
ball = {"eps": 0.1}
ATTACKS = {
    name: factory(**ball if "eps" in attacks.registry.parameters(name) else {})
    for name, factory in attacks.by_name.items()
}
ATTACKS["mixture"] = attacks.mixture(
    attacks=[ATTACKS["pgd"], ATTACKS["apgd"]], shares=[1, 2]
)
copied = pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES.keys())


@pytest.fixture(scope="module")
def model():
    return LinearModel((3, 3, 1), num_classes=4)


@copied
@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_a_copy_is_the_same_attack_with_a_state_of_its_own(attack, copied):
    again = copied(attack)
    assert again is not attack
    assert repr(again) == repr(attack)
    assert again.threat == attack.threat
    assert len(again.generators) == len(attack.generators)
    for ours, theirs in zip(again.generators, attack.generators, strict=True):
        assert ours is not theirs
        np.testing.assert_array_equal(ours.state.numpy(), theirs.state.numpy())


@copied
def test_a_copy_draws_what_the_original_would(copied, model):
    """Also after calls, which compile graphs that are not copied."""
    images, labels = model.batch(4)
    pgd = attacks.pgd(eps=0.1, steps=2, seed=3)
    for attack in (pgd, attacks.mixture(attacks=[pgd], seed=1)):
        attack(model.keras, images, labels)
        again = copied(attack)
        np.testing.assert_array_equal(
            again(model.keras, images, labels),
            attack(model.keras, images, labels),
        )


@copied
def test_a_transfer_takes_its_model_along(copied, model):
    images, labels = model.batch(4)
    source = keras.Sequential(
        [
            keras.Input((3, 3, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(4),
        ]
    )
    attack = attacks.transfer(attack=attacks.fgsm(eps=0.1), source=source)
    again = copied(attack)
    assert again.sources[0] is again.options["source"] is not source
    np.testing.assert_array_equal(
        again(model.keras, images, labels), attack(model.keras, images, labels)
    )


@copied
def test_rp2_and_its_sticker_too(copied):
    mask = np.eye(3)
    attack = attacks.rp2(mask=mask, steps=3)
    assert repr(copied(attack)) == repr(attack)
    sticker = Sticker(mask[..., None], mask.astype(bool), 1, {"loss": mask[0]})
    np.testing.assert_array_equal(copied(sticker).delta, sticker.delta)
