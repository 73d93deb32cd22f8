"""DDN against the paper's algorithm and Foolbox."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests.helpers import LinearModel
from tests.helpers import check_attack
from tests.helpers import lengths
from tests.peers import import_foolbox
from zoo.training import attacks
from zoo.training import datasets


def test_targeted_reaches_every_class():
    model = LinearModel((6, 6, 3), num_classes=4)
    images, labels = model.batch(8)
    for offset in (1, 2, 3):
        targets = (labels + offset) % 4
        attack = attacks.ddn(steps=50, targeted=True)
        adversarial = check_attack(attack, model.keras, images, targets)
        np.testing.assert_array_equal(
            model.logits(adversarial).argmax(1), targets
        )


@pytest.mark.parametrize("levels", [2, 16, 256])
def test_results_are_on_the_grid(levels):
    model = LinearModel((5, 5, 1))
    images = np.round(model.rng.uniform(size=(4, 5, 5, 1)) * (levels - 1))
    images = (images / (levels - 1)).astype("float32")
    labels = model.logits(images).argmax(1)
    for max_norm in (None, 0.7):
        attack = attacks.ddn(steps=5, levels=levels, max_norm=max_norm)
        adversarial = check_attack(attack, model.keras, images, labels)
        scaled = adversarial * (levels - 1)
        np.testing.assert_allclose(scaled, np.round(scaled), atol=1e-4)


def test_more_steps_are_not_worse():
    model = LinearModel((8, 8, 3), num_classes=5)
    images, labels = model.batch(16)
    medians = [
        np.median(
            lengths(
                attacks.ddn(steps=steps, levels=None)(
                    model.keras, images, labels
                )
                - images
            )
        )
        for steps in (10, 40, 160)
    ]
    assert medians[1] < 0.9 * medians[0]
    assert medians[2] < 1.005 * medians[1]


def test_the_last_iterate_is_tested():
    """The only step goes to 1.05; the authors' code returns the image."""
    model = LinearModel((8, 8, 3))
    images, labels = model.batch_at(4, 1.02)
    attack = attacks.ddn(steps=1, levels=None)
    adversarial = attack(model.keras, images, labels).numpy()
    np.testing.assert_allclose(lengths(adversarial - images), 1.05, rtol=1e-5)


@pytest.fixture
def out_of_reach():
    """Two images that 5 steps cannot take across, one misclassified."""
    model = LinearModel((8, 8, 3))
    images, labels = model.batch_at(3, 1.5)
    labels[2] = 1 - labels[2]
    return model, images, labels


@pytest.mark.parametrize("max_norm", [None, 0.5])
def test_fallback_clean_returns_the_image(out_of_reach, max_norm):
    model, images, labels = out_of_reach
    attack = attacks.ddn(steps=5, fallback="clean", max_norm=max_norm)
    adversarial = check_attack(attack, model.keras, images, labels)
    np.testing.assert_array_equal(adversarial, images)


@pytest.mark.parametrize("max_norm", [None, 1.0])
@pytest.mark.parametrize("levels", [None, 256])
def test_fallback_last_never_returns_the_image(out_of_reach, max_norm, levels):
    model, images, labels = out_of_reach
    attack = attacks.ddn(
        steps=5, fallback="last", max_norm=max_norm, levels=levels
    )
    adversarial = check_attack(attack, model.keras, images, labels)
    norms = lengths(adversarial - images)
    grown = 1.05**5 if max_norm is None else 1.0
    np.testing.assert_allclose(norms[:2], grown, rtol=0.05)
    assert norms[2] > 0.7  # Five shrinkings: 0.95 ** 5.
    confident = model.logits(adversarial) - model.logits(images)
    losing = confident[np.arange(3), labels]
    assert (losing[:2] < confident[[0, 1], 1 - labels[:2]]).all()


def test_shrinks_towards_the_image_on_the_grid():
    """Nearest rounding of the shrunk result would leave the ball."""
    model = LinearModel((8, 8, 3))
    images, labels = model.batch(32, closest=0.2, farthest=0.6)
    for max_norm in (0.05, 0.1, 0.19):
        attack = attacks.ddn(steps=20, max_norm=max_norm)
        adversarial = check_attack(attack, model.keras, images, labels)
        norms = lengths(adversarial - images)
        assert norms.max() <= max_norm * (1 + 1e-5)
        scaled = adversarial * 255
        np.testing.assert_allclose(scaled, np.round(scaled), atol=1e-3)


def paper_ddn(
    logits_and_gradient, images, labels, *, steps, levels, targeted=False
):
    """Algorithm 1 in NumPy, one image at a time, last iterate tested."""
    results = []
    for image, label in zip(images.astype("float64"), labels, strict=True):
        delta = np.zeros_like(image)
        norm = 1.0
        worst = np.linalg.norm(np.maximum(image, 1 - image))
        best, best_norm = delta, worst
        for index in range(steps + 1):
            logits, gradient = logits_and_gradient(image + delta, label)
            fooled = (logits.argmax() == label) == targeted
            if fooled and np.linalg.norm(delta) < best_norm:
                best, best_norm = delta, np.linalg.norm(delta)
            if index == steps:
                break
            rate = 0.01 + 0.99 * (1 + np.cos(np.pi * index / steps)) / 2
            sign = -1 if targeted else 1
            delta = delta + sign * rate * gradient / np.linalg.norm(gradient)
            norm = min(norm * (0.95 if fooled else 1.05), worst)
            moved = image + delta * norm / np.linalg.norm(delta)
            if levels is not None:
                moved = np.round(moved * (levels - 1)) / (levels - 1)
            delta = np.clip(moved, 0, 1) - image
        results.append(image + best)
    return np.array(results)


@keras.saving.register_keras_serializable(package="tests")
class Quadratic(keras.layers.Layer):
    """Logits `kernel[c] . (x - centers[c]) ** 2`, c a class."""

    def __init__(self, kernel, centers):
        super().__init__()
        self.kernel = kernel
        self.centers = centers

    def call(self, images):
        flat = keras.ops.reshape(images, (-1, 1, self.kernel.shape[1]))
        return keras.ops.sum(self.kernel * (flat - self.centers) ** 2, -1)


@pytest.mark.parametrize("steps", [1, 2, 5, 40])
@pytest.mark.parametrize("levels", [None, 256])
@pytest.mark.parametrize("targeted", [False, True])
def test_follows_the_paper_step_by_step(steps, levels, targeted):
    """The box binds here: pixels span [0, 1]."""
    rng = np.random.default_rng(1)
    kernel = rng.normal(size=(3, 27)).astype("float32")
    centers = rng.uniform(size=(3, 27)).astype("float32")
    images = np.round(rng.uniform(size=(12, 3, 3, 3)) * 255) / 255
    images = images.astype("float32")
    model = keras.Sequential(
        [keras.Input((3, 3, 3)), Quadratic(kernel, centers)]
    )

    def logits_and_gradient(image, label):
        offsets = image.reshape(1, -1) - centers
        logits = (kernel * offsets**2).sum(-1)
        confidences = np.exp(logits - logits.max())
        confidences /= confidences.sum()
        upstream = confidences - np.eye(3)[label]
        gradient = upstream @ (2 * kernel * offsets)
        return logits, gradient.reshape(image.shape)

    clean = model.predict(images, verbose=0).argmax(1)
    labels = (clean + targeted) % 3
    attack = attacks.ddn(steps=steps, levels=levels, targeted=targeted)
    ours = check_attack(attack, model, images, labels)
    paper = paper_ddn(
        logits_and_gradient,
        images,
        labels,
        steps=steps,
        levels=levels,
        targeted=targeted,
    )
    assert not np.allclose(paper, images)
    np.testing.assert_allclose(ours, paper, atol=2e-5)


@pytest.mark.large
def test_median_norm_is_foolbox_or_better():
    """On a small trained network; Foolbox neither rounds nor tests last."""
    foolbox = import_foolbox()
    rng = np.random.default_rng(0)
    keras.utils.set_random_seed(0)
    templates = rng.uniform(size=(5, 8, 8, 1))
    labels = rng.integers(0, 5, 600)
    images = templates[labels] + rng.normal(0, 0.35, (600, 8, 8, 1))
    images = np.clip(images, 0, 1).astype("float32")
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(16, 3, activation="relu"),
            keras.layers.Conv2D(16, 3, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(5),
        ]
    )
    model.compile(
        "adam",
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    model.fit(images, labels, epochs=15, verbose=0)
    right = model.predict(images, verbose=0).argmax(1) == labels
    images, labels = images[right][:100], labels[right][:100]
    ours = attacks.ddn(steps=100, levels=None)(model, images, labels)
    peer = foolbox.attacks.DDNAttack(steps=100, init_epsilon=1.0)
    _, theirs, fooled = peer(
        foolbox.TensorFlowModel(model, bounds=(0, 1)),
        keras.ops.convert_to_tensor(images),
        keras.ops.convert_to_tensor(labels),
        epsilons=None,
    )
    assert np.all(fooled)
    assert np.median(lengths(ours - images)) <= 1.02 * np.median(
        lengths(theirs - images)
    )


@pytest.mark.parametrize("max_norm, fallback", [(None, "clean"), (0.5, "last")])
def test_fallback_follows_from_the_bound(max_norm, fallback):
    assert attacks.ddn(max_norm=max_norm).options["fallback"] == fallback


@pytest.mark.large
def test_median_norm_on_a_preset_is_foolbox_or_better():
    """Unquantised, as Foolbox is, on the undefended preset's photographs."""
    foolbox = import_foolbox()
    model = zoo.load("wrn16_2")
    images, labels = next(
        datasets.load(
            "fashion_mnist_sample", batch_size=200
        ).as_numpy_iterator()
    )
    right = model.predict(images, verbose=0).argmax(1) == labels
    images, labels = images[right], labels[right]
    ours = attacks.ddn(steps=100, levels=None)(model, images, labels)
    assert (model.predict(ours, verbose=0).argmax(1) != labels).all()
    peer = foolbox.attacks.DDNAttack(steps=100, init_epsilon=1.0)
    _, theirs, fooled = peer(
        foolbox.TensorFlowModel(model, bounds=(0, 1)),
        tf.constant(images),
        tf.constant(labels),
        epsilons=None,
    )
    assert fooled.numpy().all()
    median = np.median(lengths(ours - images))
    assert median <= 1.02 * np.median(lengths(theirs - images))
