"""Carlini and Wagner's attack against exact distances and Foolbox."""

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
from tests.helpers import targeted_lengths
from tests.peers import import_foolbox
from zoo.training import attacks
from zoo.training import datasets

QUICK = attacks.cw(steps=200, binary_search_steps=5, initial_const=0.01)


def test_finds_the_distance_to_a_hyperplane():
    model = LinearModel((8, 8, 3))
    images, labels = model.batch(16)
    adversarial = check_attack(QUICK, model.keras, images, labels)
    assert (model.logits(adversarial).argmax(1) != labels).all()
    ratios = lengths(adversarial - images) / model.distances(images, labels)
    assert ratios.min() > 1 - 1e-4
    assert ratios.max() < 1.02


def test_finds_the_nearest_of_several_hyperplanes():
    """All but one of 16 images, within 2 %.

    That one ends at the hyperplane of the likeliest other class, 7 % farther
    away, and does so with 1000 steps and 9 constants too.
    """
    model = LinearModel((8, 8, 3), num_classes=5, scale=10.0)
    images, labels = model.batch(16)
    adversarial = check_attack(QUICK, model.keras, images, labels)
    assert (model.logits(adversarial).argmax(1) != labels).all()
    ratios = lengths(adversarial - images) / model.distances(images, labels)
    assert ratios.min() > 1 - 1e-4
    assert np.median(ratios) < 1.01
    assert (ratios > 1.02).sum() <= 1
    assert ratios.max() < 1.08


def test_towards_each_class_finds_the_nearest_of_several_hyperplanes():
    """Of every image, among the results of four targeted attacks."""
    model = LinearModel((8, 8, 3), num_classes=5, scale=10.0)
    images, labels = model.batch(16)
    attack = attacks.cw(**QUICK.options | {"targeted": True})
    norms = targeted_lengths(attack, model, images, labels)
    ratios = norms / model.distances(images, labels)
    assert ratios.min() > 1 - 1e-4
    assert ratios.max() < 1.02


def test_finds_the_distance_where_the_box_binds():
    model = LinearModel((6, 6, 1), seed=3)
    images = model.rng.uniform(size=(8, 6, 6, 1)).astype("float32")
    labels = model.logits(images).argmax(1)
    adversarial = check_attack(QUICK, model.keras, images, labels)
    assert (model.logits(adversarial).argmax(1) != labels).all()
    exact = box_distances(model, images, labels)
    ratios = lengths(adversarial - images) / exact
    assert ratios.min() > 1 - 1e-4
    assert ratios.max() < 1.02


def test_targeted_reaches_the_target_at_its_distance():
    """With two classes the target's distance is that of the boundary."""
    model = LinearModel((6, 6, 1))
    images, labels = model.batch(8)
    attack = attacks.cw(
        steps=200, binary_search_steps=5, initial_const=0.01, targeted=True
    )
    adversarial = check_attack(attack, model.keras, images, 1 - labels)
    assert (model.logits(adversarial).argmax(1) == 1 - labels).all()
    ratios = lengths(adversarial - images) / model.distances(images, labels)
    assert ratios.max() < 1.02


@pytest.mark.parametrize("targeted", [False, True])
def test_confidence_is_the_wrong_classes_lead(targeted):
    model = LinearModel((6, 6, 3))
    images, labels = model.batch(8)
    attack = attacks.cw(
        steps=200,
        binary_search_steps=5,
        initial_const=0.01,
        confidence=2.0,
        targeted=targeted,
    )
    wanted = 1 - labels if targeted else labels
    adversarial = attack(model.keras, images, wanted).numpy()
    logits = model.logits(adversarial)
    rows = np.arange(8)
    leads = logits[rows, 1 - labels] - logits[rows, labels]
    assert leads.min() > 2.0 - 1e-4
    slope = np.linalg.norm(model.kernel[:, 0] - model.kernel[:, 1])
    distances = model.distances(images, labels) + 2.0 / slope
    assert (lengths(adversarial - images) / distances).max() < 1.02


def test_fooled_images_come_back_as_they_were():
    """And are attacked if they don't fool with the wanted confidence."""
    model = LinearModel((6, 6, 3))
    images, labels = model.batch(8)
    labels[::2] = 1 - labels[::2]
    adversarial = check_attack(QUICK, model.keras, images, labels)
    moved = lengths(adversarial - images) > 0
    np.testing.assert_array_equal(moved, np.arange(8) % 2 == 1)
    attack = attacks.cw(steps=100, initial_const=0.01, confidence=20.0)
    adversarial = check_attack(attack, model.keras, images, labels)
    assert (lengths(adversarial - images) > 0).all()


def test_failures_come_back_as_they_were():
    """One step only measures the image itself."""
    model = LinearModel((6, 6, 3))
    images, labels = model.batch(4)
    images[:, 0, 0] = [0, 0.5, 1]
    attack = attacks.cw(steps=1)
    labels = model.logits(images).argmax(1)
    adversarial = check_attack(attack, model.keras, images, labels)
    np.testing.assert_array_equal(adversarial, images)


def test_an_images_result_does_not_depend_on_the_others():
    model = LinearModel((6, 6, 3), num_classes=3)
    images, labels = model.batch(6)
    labels[1] = (labels[1] + 1) % 3
    together = QUICK(model.keras, images, labels).numpy()
    for row in range(6):
        alone = QUICK(model.keras, images[row : row + 1], labels[row : row + 1])
        np.testing.assert_allclose(alone[0], together[row], atol=1e-4)


def test_aborted_images_leave_the_batch():
    """One of three has no gradient; the image itself is measured first."""
    sizes = []

    class Spy(keras.layers.Layer):
        def call(self, images):
            tf.py_function(
                lambda size: sizes.append(int(size)), [tf.shape(images)[0]], []
            )
            seen = images * keras.ops.cast(images < 0.5, "float32")
            return keras.ops.mean(seen, (1, 2))

    model = keras.Sequential([keras.Input((4, 4, 2)), Spy()])
    images = np.full((3, 4, 4, 2), 0.4, "float32")
    images[..., 1] -= 0.05
    images[2] = [0.9, 0.6]
    options = dict(steps=50, binary_search_steps=1, initial_const=10.0)
    attacks.cw(**options)(model, images, np.zeros(3, int))
    assert sizes[:6] == [3] * 6
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] < 3
    sizes.clear()
    attack = attacks.cw(**options, abort_early=False)
    attack(model, images, np.zeros(3, int))
    assert sizes == [3] * 51


@pytest.mark.parametrize("abort_early", [False, True])
def test_more_steps_are_not_worse(abort_early):
    model = LinearModel((6, 6, 3), num_classes=5)
    images, labels = model.batch(8)
    medians = [
        np.median(
            lengths(
                attacks.cw(
                    steps=steps, initial_const=0.1, abort_early=abort_early
                )(model.keras, images, labels)
                - images
            )
        )
        for steps in (20, 200)
    ]
    assert medians[1] < 1.005 * medians[0]


def test_draws_fool_more_than_a_lucky_draw():
    """A single draw's smallest success owes itself to the noise."""
    model = LinearModel((6, 6, 1))
    images, labels = model.batch(16)

    class Noise(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.seeds = keras.random.SeedGenerator(0)

        def call(self, images):
            shape = keras.ops.shape(images)
            return images + 0.1 * keras.random.normal(shape, seed=self.seeds)

    noisy = keras.Sequential([keras.Input((6, 6, 1)), Noise(), model.keras])

    def fooled(draws):
        attack = attacks.cw(
            steps=50, binary_search_steps=3, initial_const=0.1, draws=draws
        )
        adversarial = attack(noisy, images, labels).numpy()
        return (model.logits(adversarial).argmax(1) != labels).mean()

    assert fooled(1) < 0.4
    assert fooled(16) > fooled(1) + 0.2


@settings(max_examples=4, deadline=None)
@given(
    shape=st.tuples(
        st.integers(1, 3), *[st.integers(1, 4)] * 2, st.sampled_from([1, 3])
    ),
    dtype=st.sampled_from(["float16", "float32", "float64"]),
    targeted=st.booleans(),
    confidence=st.sampled_from([0.0, 0.5]),
)
def test_results_fool_or_are_the_images(shape, dtype, targeted, confidence):
    model = LinearModel(shape[1:], num_classes=3)
    images = model.rng.uniform(size=shape).astype(dtype)
    images.flat[0] = 0
    images.flat[-1] = 1
    labels = model.rng.integers(0, 3, shape[0])
    attack = attacks.cw(
        steps=15,
        binary_search_steps=3,
        initial_const=1.0,
        confidence=confidence,
        targeted=targeted,
    )
    adversarial = check_attack(attack, model.keras, images, labels)
    fools = (model.logits(adversarial).argmax(1) == labels) == targeted
    same = (adversarial == images.astype("float32")).all((1, 2, 3))
    assert (fools | same).all()


@pytest.mark.parametrize(
    "options",
    [
        {"steps": 0},
        {"binary_search_steps": 0},
        {"step_size": 0.0},
        {"initial_const": 0.0},
        {"confidence": -1.0},
        {"draws": 0},
    ],
)
def test_bad_options_are_named(options):
    name, value = next(iter(options.items()))
    with pytest.raises(ValueError, match=rf"Received: {name}={value!r}"):
        attacks.cw(**options)


@pytest.mark.large
def test_median_norm_on_a_preset_is_foolbox_or_better():
    """At the same steps on the undefended preset's photographs."""
    foolbox = import_foolbox()
    model = zoo.load("wrn16_2")
    images, labels = next(
        datasets.load(
            "fashion_mnist_sample", batch_size=200
        ).as_numpy_iterator()
    )
    right = model.predict(images, verbose=0).argmax(1) == labels
    images, labels = images[right][:100], labels[right][:100]
    options = dict(steps=100, binary_search_steps=5, initial_const=0.1)
    ours = attacks.cw(**options)(model, images, labels).numpy()
    peer = foolbox.attacks.L2CarliniWagnerAttack(**options)
    _, theirs, _ = peer(
        foolbox.TensorFlowModel(model, bounds=(0, 1)),
        tf.constant(images),
        tf.constant(labels),
        epsilons=None,
    )

    def norms(adversarial):
        """A failure counts as infinitely far; Foolbox's are black images."""
        fooled = model.predict(adversarial, verbose=0).argmax(1) != labels
        fooled &= adversarial.any(axis=(1, 2, 3))
        return np.where(fooled, lengths(adversarial - images), np.inf)

    ours, theirs = norms(ours), norms(theirs.numpy())
    assert np.isinf(ours).sum() <= np.isinf(theirs).sum()
    assert np.median(ours) <= 1.02 * np.median(theirs)
