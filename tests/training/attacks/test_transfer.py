"""Attacks made on one model and given to another."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.helpers import LinearModel
from tests.helpers import check_attack
from tests.helpers import lengths
from zoo.layers import JPEG
from zoo.threat import ThreatModel
from zoo.training import attacks
from zoo.training import evaluation


@pytest.fixture(scope="module")
def models():
    """Two linear models, the source's boundary tilted by 25 degrees."""
    source = LinearModel((6, 6, 3))
    victim = LinearModel((6, 6, 3))
    tilt = np.random.default_rng(1).normal(size=source.kernel.shape)
    victim.kernel = source.kernel + 0.45 * tilt
    victim.bias = -0.5 * victim.kernel.sum(0)
    victim.keras.set_weights([victim.kernel, victim.bias])
    return source, victim


def test_is_the_attack_on_the_source(models):
    source, victim = models
    images, labels = source.batch(4)
    attack = attacks.ddn(steps=20)
    transferred = attacks.transfer(attack=attack, source=source.keras)
    adversarial = check_attack(transferred, victim.keras, images, labels)
    np.testing.assert_array_equal(
        adversarial, attack(source.keras, images, labels)
    )


def test_crosses_the_victims_boundary_at_the_exact_distance(models):
    """Its distance is longer by the cosine of the angle."""
    source, victim = models
    images, labels = victim.batch_at(6, 0.3)
    normals = [m.kernel[:, 0] - m.kernel[:, 1] for m in models]
    normals = [normal / np.linalg.norm(normal) for normal in normals]
    needed = 0.3 / (normals[0] @ normals[1])
    assert needed > 0.31
    for factor, crosses in ((0.98, False), (1.02, True)):
        attack = attacks.fgsm(norm="l2", eps=factor * needed)
        transferred = attacks.transfer(attack=attack, source=source.keras)
        adversarial = check_attack(transferred, victim.keras, images, labels)
        crossed = victim.logits(adversarial).argmax(1) != labels
        assert (crossed == crosses).all()


def test_needs_no_gradient_of_the_victim(models):
    source, _ = models
    images, labels = source.batch(4)
    victim = keras.Sequential(
        [
            keras.Input((6, 6, 3)),
            keras.layers.Lambda(keras.ops.round),
            keras.layers.Flatten(),
            keras.layers.Dense(2),
        ]
    )
    attack = attacks.fgsm(norm="l2", eps=0.1)
    transferred = attacks.transfer(attack=attack, source=source.keras)
    adversarial = check_attack(transferred, victim, images, labels)
    np.testing.assert_allclose(lengths(adversarial - images), 0.1, rtol=1e-4)


def test_runs_inside_a_graph(models):
    source, victim = models
    images, labels = source.batch(4)
    attack = attacks.transfer(
        attack=attacks.bim(eps=0.1, steps=3), source=source.keras
    )
    inside = tf.function(lambda x, y: attack(victim.keras, x, y))
    np.testing.assert_allclose(
        inside(images, labels), attack(victim.keras, images, labels), atol=1e-6
    )


def test_threat_is_the_attacks(models):
    source = models[0].keras
    attack = attacks.transfer(attack=attacks.mim(eps=0.1), source=source)
    assert attack.threat == ThreatModel("linf", 0.1)
    assert attack.norm == "linf"
    attack = attacks.transfer(attack=attacks.ddn(), source=source)
    assert attack.threat is None
    assert attack.norm == "l2"
    assert "ddn(steps=100" in repr(attack)


def test_can_be_evaluated(models):
    source, victim = models
    images, labels = victim.batch_at(6, 0.3)
    attack = attacks.transfer(
        attack=attacks.fgsm(norm="l2", eps=1.0), source=source.keras
    )
    report = evaluation.evaluate(
        victim.keras, (images, labels), [attack], progress=False
    )
    assert report.attacks[0].attack == "transfer"
    assert report.attacks[0].robust_accuracy == 0
    assert "fgsm" in report.attacks[0].options["attack"]


def test_targeted_attacks_cannot_be_evaluated(models):
    source, victim = models
    images, labels = victim.batch_at(2, 0.3)
    attack = attacks.transfer(
        attack=attacks.fgsm(eps=1.0, targeted=True), source=source.keras
    )
    with pytest.raises(ValueError, match="must be untargeted"):
        evaluation.evaluate(
            victim.keras, (images, labels), [attack], progress=False
        )


class Noise(keras.layers.Layer):
    """Randomises a source, from a generator of its own."""

    stochastic = True

    def __init__(self):
        super().__init__()
        self.generator = keras.random.SeedGenerator()

    def call(self, images):
        shape = keras.ops.shape(images)
        return images + keras.random.normal(shape, seed=self.generator)


def test_evaluation_seeds_a_randomised_source(models):
    """The same seed makes the same images, and leaves the source as it was."""
    _, victim = models
    images, labels = victim.batch(6)
    source = keras.Sequential(
        [
            keras.Input((6, 6, 3)),
            Noise(),
            keras.layers.Flatten(),
            keras.layers.Dense(8, "relu"),
            keras.layers.Dense(2),
        ]
    )
    state = source.layers[0].generator.state
    before = state.numpy()
    attack = attacks.transfer(
        attack=attacks.bim(norm="l2", eps=0.5, steps=3), source=source
    )
    made = []

    def transferred(model, images, labels):
        made.append(attack(model, images, labels).numpy())
        return made[-1]

    transferred.sources = attack.sources
    for seed in (7, 7, 8):
        evaluation.evaluate(
            victim.keras,
            (images, labels),
            [transferred],
            seed=seed,
            progress=False,
        )
    np.testing.assert_array_equal(made[0], made[1])
    assert not np.array_equal(made[0], made[2])
    np.testing.assert_array_equal(state.numpy(), before)
    again = attacks.transfer(attack=attack, source=victim.keras)
    assert again.sources == (victim.keras, source)


def resume(victim, data, attack, folder):
    return evaluation.evaluate(
        victim.keras, data, [attack], resume=folder, progress=False
    )


def test_resume_knows_the_source(models, tmp_path):
    source, victim = models
    images, labels = victim.batch(2)
    other = keras.models.clone_model(source.keras)

    def resumed(source):
        attack = attacks.transfer(attack=attacks.fgsm(eps=0.1), source=source)
        return resume(victim, (images, labels), attack, tmp_path)

    resumed(source.keras)
    other._name = source.keras.name
    with pytest.raises(ValueError, match="of another run: sources was"):
        resumed(other)


def test_equal_sources_make_the_same_report(models, tmp_path):
    """Keras numbers names on in one process."""
    source, victim = models
    images, labels = victim.batch(6)
    clone = keras.models.clone_model(source.keras)
    clone.set_weights(source.keras.get_weights())
    clone._name = "another"

    def resumed(source):
        attack = attacks.transfer(
            attack=attacks.pgd(norm="l2", eps=0.5, steps=2), source=source
        )
        return resume(victim, (images, labels), attack, tmp_path)

    first = resumed(source.keras)
    assert resumed(clone).attacks[0].robust == first.attacks[0].robust


def test_a_source_that_hides_its_gradient_is_seen_through():
    def behind(gradient):
        dense = keras.layers.Dense(
            3, kernel_initializer=keras.initializers.RandomNormal(seed=1)
        )
        layer = JPEG(90, gradient=gradient)
        return keras.Sequential(
            [keras.Input((16, 16, 1)), layer, keras.layers.Flatten(), dense]
        )

    images = np.random.default_rng(0).uniform(size=(4, 16, 16, 1))
    images, labels = images.astype("float32"), np.arange(4) % 3
    attack = attacks.fgsm(eps=0.1)
    hiding, open_ = (
        attacks.transfer(attack=attack, source=source)(source, images, labels)
        for source in map(behind, ("none", "straight_through"))
    )
    np.testing.assert_array_equal(hiding, open_)
    assert np.abs(hiding - images).max() > 0.09


def test_bad_options_are_named(models):
    source = models[0].keras
    with pytest.raises(ValueError, match="Received: attack='pgd'"):
        attacks.transfer(attack="pgd", source=source)
    with pytest.raises(ValueError, match="Received: source='resnet'"):
        attacks.transfer(attack=attacks.fgsm(eps=0.1), source="resnet")


def test_other_classes_are_named(models):
    victim = LinearModel((6, 6, 3), num_classes=3)
    images, labels = victim.batch(2)
    attack = attacks.transfer(
        attack=attacks.fgsm(eps=0.1), source=models[0].keras
    )
    with pytest.raises(ValueError, match=r"victim's 3 classes.* with 2"):
        attack(victim.keras, images, labels)
