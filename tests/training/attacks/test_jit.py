"""What XLA compiles is shown to compile; what it can't compile refuses."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.helpers import LinearModel
from tests.helpers import check_attack
from zoo.training import AdversarialTrainer
from zoo.training import attacks

EXACT = {
    "fgsm": attacks.fgsm(eps=0.1),
    "bim": attacks.bim(norm="l2", eps=0.3, steps=3),
    "pgd": attacks.pgd(eps=0.1, steps=3, random_start=False),
    "mim": attacks.mim(eps=0.1, steps=3),
    "ddn": attacks.ddn(steps=3, max_norm=0.3, draws=2),
    "deepfool": attacks.deepfool(steps=4),
    "deepfool_linf": attacks.deepfool(norm="linf", steps=3, max_norm=0.02),
}
RANDOM = {  # XLA draws other numbers from the same seed.
    # One short step: more would end in the same corner from any start.
    "pgd": attacks.pgd(eps=0.1, steps=1, step_size=0.01),
    "noise": attacks.noise(eps=0.1, repeats=1),
    "mixture": attacks.mixture(attacks=[EXACT["fgsm"], EXACT["bim"]]),
}
REFUSED = {
    "pgd_early": attacks.pgd(eps=0.1, early_stop=True),
    "pgd_restarts": attacks.pgd(eps=0.1, restarts=2),
    "noise": attacks.noise(eps=0.1),
    "iterative_fgsm": attacks.iterative_fgsm(),
    "gradient": attacks.gradient(),
    "cw": attacks.cw(),
    "lbfgs": attacks.lbfgs(),
    "jsma": attacks.jsma(),
    "apgd": attacks.apgd(eps=0.1),
    "apgdt": attacks.apgdt(eps=0.1),
    "fab": attacks.fab(),
    "square": attacks.square(eps=0.1),
    "mixture": attacks.mixture(
        attacks=[EXACT["fgsm"], attacks.square(eps=0.1)]
    ),
}


@pytest.fixture(scope="module")
def linear():
    return LinearModel((3, 3, 1), num_classes=4)


@pytest.fixture(scope="module")
def batch(linear):
    images, labels = linear.batch(6)
    return tf.constant(images), tf.constant(labels, "int32")


def compiled(attack, model):
    return tf.function(
        lambda images, labels: attack(model, images, labels),
        jit_compile=True,
        autograph=False,
    )


def test_every_attack_is_here():
    named = {attack.name for attack in [*EXACT.values(), *REFUSED.values()]}
    assert named == {*attacks.by_name, "mixture"}


@pytest.mark.parametrize("attack", EXACT.values(), ids=EXACT.keys())
def test_what_compiles_gives_the_same_images(attack, linear, batch):
    assert attack.supports_jit
    expected = attack(linear.keras, *batch)
    images = compiled(attack, linear.keras)(*batch)
    np.testing.assert_allclose(images, expected, atol=1e-6)


@pytest.mark.parametrize("attack", RANDOM.values(), ids=RANDOM.keys())
def test_what_compiles_and_is_random_obeys_the_contract(attack, linear, batch):
    assert attack.supports_jit
    function = compiled(attack, linear.keras)
    images, labels = batch

    class Compiled:  # As `check_attack` calls and asks an attack.
        eps, norm = attack.eps, attack.norm

        def __call__(self, model, images, labels):
            return function(images, labels)

    first = check_attack(Compiled(), linear.keras, images, labels)
    assert not np.array_equal(first, images)
    assert not np.array_equal(function(images, labels), first)


@pytest.mark.parametrize("attack", REFUSED.values(), ids=REFUSED.keys())
def test_what_does_not_compile_refuses(attack, linear, batch):
    """Else XLA aborts the process, never returns or names its own ops."""
    assert not attack.supports_jit
    message = f"{attack.name} with these options can't be compiled by XLA"
    with pytest.raises(ValueError, match=message):
        compiled(attack, linear.keras)(*batch)
    outer = tf.function(
        lambda: tf.function(attack)(linear.keras, *batch), jit_compile=True
    )
    with pytest.raises(ValueError, match=message):
        outer()


def test_an_attack_says_nothing_of_others():
    """One that a user writes is taken not to compile, unless it says so."""
    mine = attacks.Attack("mine", lambda _, images, __: images, "l2", None, {})
    assert not mine.supports_jit
    for inner in (EXACT["fgsm"], REFUSED["cw"]):
        model = LinearModel((3, 3, 1), num_classes=4).keras
        transfer = attacks.transfer(attack=inner, source=model)
        assert transfer.supports_jit == inner.supports_jit


@pytest.mark.parametrize("name", ["ddn", "pgd", "mixture"])
def test_trains_compiled(name, linear, batch):
    attack = (EXACT | RANDOM)[name]
    trainer = AdversarialTrainer(keras.models.clone_model(linear.keras), attack)
    assert trainer.supports_jit
    trainer.compile("sgd", jit_compile=True)
    assert trainer.jit_compile
    images, labels = (value.numpy() for value in batch)
    history = trainer.fit(images, labels, batch_size=4, verbose=0)
    assert np.isfinite(history.history["loss"][0])


@pytest.mark.parametrize("attack", REFUSED.values(), ids=REFUSED.keys())
def test_the_trainer_refuses_too(attack, linear):
    trainer = AdversarialTrainer(linear.keras, attack)
    with pytest.raises(ValueError, match="jit_compile must not be True"):
        trainer.compile("sgd", jit_compile=True)
    assert not trainer.supports_jit
    trainer.compile("sgd", jit_compile="auto")
    assert not trainer.jit_compile
