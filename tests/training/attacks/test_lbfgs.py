"""L-BFGS against exact distances and the minimizer of its objective."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

import zoo
from tests.helpers import LinearModel
from tests.helpers import box_distances
from tests.helpers import check_attack
from tests.helpers import lengths
from zoo.training import attacks
from zoo.training import datasets


def test_finds_the_distance_to_a_hyperplane():
    model = LinearModel((8, 8, 3))
    images, labels = model.batch(16)
    attack = attacks.lbfgs()
    adversarial = check_attack(attack, model.keras, images, labels)
    assert (model.logits(adversarial).argmax(1) != labels).all()
    ratios = lengths(adversarial - images) / model.distances(images, labels)
    assert ratios.min() > 1 - 1e-4
    assert ratios.max() < 1.02


@pytest.mark.parametrize("initial_const", [1e-3, 1e4])
def test_brackets_from_either_side(initial_const):
    model = LinearModel((6, 6, 1))
    images, labels = model.batch(6)
    attack = attacks.lbfgs(initial_const=initial_const)
    adversarial = check_attack(attack, model.keras, images, labels)
    ratios = lengths(adversarial - images) / model.distances(images, labels)
    assert ratios.min() > 1 - 1e-4
    assert ratios.max() < 1.02


def test_finds_the_distance_to_the_likeliest_other_class():
    model = LinearModel((8, 8, 3), num_classes=5, scale=10.0)
    images, labels = model.batch(16)
    adversarial = check_attack(attacks.lbfgs(), model.keras, images, labels)
    assert (model.logits(adversarial).argmax(1) != labels).all()
    logits = model.logits(images)
    rows = np.arange(16)
    targets = np.argsort(logits, 1)[:, -2]
    gaps = logits[rows, labels] - logits[rows, targets]
    normals = model.kernel[:, targets] - model.kernel[:, labels]
    norms = lengths(adversarial - images)
    ratios = norms / (gaps / np.linalg.norm(normals, axis=0))
    assert np.median(ratios) < 1.01
    assert ratios.max() < 1.02
    assert (norms / model.distances(images, labels)).min() > 1 - 1e-4


def test_finds_the_distance_where_the_box_binds():
    model = LinearModel((6, 6, 1), seed=3)
    images = model.rng.uniform(size=(8, 6, 6, 1)).astype("float32")
    images[:, 0] = 0
    images[:, 1] = 1
    labels = model.logits(images).argmax(1)
    adversarial = check_attack(attacks.lbfgs(), model.keras, images, labels)
    assert (model.logits(adversarial).argmax(1) != labels).all()
    exact = box_distances(model, images, labels)
    ratios = lengths(adversarial - images) / exact
    assert ratios.min() > 1 - 1e-4
    assert ratios.max() < 1.02


def test_targeted_reaches_every_class():
    model = LinearModel((6, 6, 3), num_classes=4)
    images, labels = model.batch(6)
    attack = attacks.lbfgs(targeted=True)
    for offset in (1, 2, 3):
        targets = (labels + offset) % 4
        adversarial = check_attack(attack, model.keras, images, targets)
        assert (model.logits(adversarial).argmax(1) == targets).all()


def test_fooled_images_come_back_as_they_were():
    model = LinearModel((6, 6, 3))
    images, labels = model.batch(8)
    labels[::2] = 1 - labels[::2]
    adversarial = check_attack(attacks.lbfgs(), model.keras, images, labels)
    moved = lengths(adversarial - images) > 0
    np.testing.assert_array_equal(moved, np.arange(8) % 2 == 1)


def test_failures_come_back_as_they_were():
    """The model never says 1, whatever the image."""
    model = keras.Sequential(
        [keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(2)]
    )
    model.layers[-1].bias.assign([1e3, 0])
    images = np.random.default_rng(0).uniform(size=(3, 4, 4, 1))
    images = images.astype("float32")
    labels = np.zeros(3, int)
    adversarial = check_attack(attacks.lbfgs(), model, images, labels)
    np.testing.assert_array_equal(adversarial, images)


def test_an_images_result_does_not_depend_on_the_others():
    model = LinearModel((6, 6, 3), num_classes=3)
    images, labels = model.batch(6)
    labels[1] = (labels[1] + 1) % 3
    attack = attacks.lbfgs()
    together = attack(model.keras, images, labels).numpy()
    for row in range(6):
        alone = attack(
            model.keras, images[row : row + 1], labels[row : row + 1]
        )
        np.testing.assert_allclose(alone[0], together[row], atol=1e-3)


def test_draws_of_a_fixed_model_change_nothing():
    model = LinearModel((5, 5, 1), num_classes=3)
    images, labels = model.batch(4)
    one = attacks.lbfgs()(model.keras, images, labels)
    many = attacks.lbfgs(draws=3)(model.keras, images, labels)
    np.testing.assert_allclose(one, many, atol=1e-3)


def test_draws_attack_a_randomised_model():
    model = LinearModel((6, 6, 1))
    images, labels = model.batch(8)
    noisy = keras.Sequential([keras.Input((6, 6, 1)), Noise(0.02), model.keras])
    attack = attacks.lbfgs(steps=10, binary_search_steps=3, draws=8)
    adversarial = check_attack(attack, noisy, images, labels)
    ratios = lengths(adversarial - images) / model.distances(images, labels)
    assert np.median(ratios) > 0.8
    assert np.median(ratios) < 1.2


@keras.saving.register_keras_serializable(package="tests")
class Noise(keras.layers.Layer):
    """Adds normal noise at every call."""

    def __init__(self, deviation):
        super().__init__()
        self.deviation = deviation
        self.seeds = keras.random.SeedGenerator(0)

    def call(self, images):
        shape = keras.ops.shape(images)
        noise = keras.random.normal(shape, seed=self.seeds)
        return images + self.deviation * noise


def test_runs_inside_a_function_on_a_part_of_the_batch():
    """As in a training step, where sizes aren't known while tracing."""
    model = LinearModel((5, 5, 1))
    images, labels = model.batch(4)
    attack = attacks.lbfgs()

    @tf.function
    def fooled(images, labels):
        adversarial = attack(model.keras, images[:2], labels[:2])
        logits = model.keras(adversarial)
        return tf.argmax(logits, -1, labels.dtype) != labels[:2]

    assert fooled(images, labels).numpy().all()
    assert fooled(images[:0], labels[:0]).shape == (0,)


@settings(max_examples=4, deadline=None)
@given(
    shape=st.tuples(
        st.integers(1, 3), *[st.integers(1, 4)] * 2, st.sampled_from([1, 3])
    ),
    dtype=st.sampled_from(["float16", "float32", "float64"]),
    targeted=st.booleans(),
)
def test_results_fool_or_are_the_images(shape, dtype, targeted):
    model = LinearModel(shape[1:], num_classes=3)
    images = model.rng.uniform(size=shape).astype(dtype)
    images.flat[0] = 0
    images.flat[-1] = 1
    labels = model.rng.integers(0, 3, shape[0])
    attack = attacks.lbfgs(steps=10, binary_search_steps=2, targeted=targeted)
    adversarial = check_attack(attack, model.keras, images, labels)
    fools = (model.logits(adversarial).argmax(1) == labels) == targeted
    same = (adversarial == images.astype("float32")).all((1, 2, 3))
    assert (fools | same).all()


@pytest.mark.parametrize(
    "options",
    [
        {"steps": 0},
        {"binary_search_steps": True},
        {"initial_const": 0.0},
        {"draws": 0},
    ],
)
def test_bad_options_are_named(options):
    name, value = next(iter(options.items()))
    with pytest.raises(ValueError, match=rf"Received: {name}={value!r}"):
        attacks.lbfgs(**options)


@pytest.mark.large
def test_norms_on_a_preset_are_of_the_size_of_ddns():
    """On few photographs: it ends in local minima that DDN avoids."""
    model = zoo.load("wrn16_2")
    images, labels = next(
        datasets.load(
            "fashion_mnist_sample", batch_size=200
        ).as_numpy_iterator()
    )
    right = model.predict(images, verbose=0).argmax(1) == labels
    images, labels = images[right][:8], labels[right][:8]
    ours = attacks.lbfgs()(model, images, labels)
    assert (model.predict(ours, verbose=0).argmax(1) != labels).all()
    ddn = attacks.ddn(steps=100, levels=None)(model, images, labels)
    median = np.median(lengths(ours - images))
    assert median <= 1.5 * np.median(lengths(ddn - images))
