"""DeepFool against exact distances, the published code and Foolbox."""

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

norms = pytest.mark.parametrize("norm", ["linf", "l2"])


@norms
@pytest.mark.parametrize(
    ("num_classes", "scale"), [(2, 1.0), (5, 1e-9), (5, 100.0)]
)
def test_one_step_to_the_nearest_hyperplane(norm, num_classes, scale):
    """The box doesn't bind, so that only the overshoot is too much."""
    model = LinearModel((6, 6, 3), num_classes, scale=scale)
    images, labels = model.batch(8)
    attack = attacks.deepfool(norm=norm, steps=1)
    adversarial = check_attack(attack, model.keras, images, labels)
    assert (model.logits(adversarial).argmax(1) != labels).all()
    distances = model.distances(images, labels, norm)
    ratios = lengths(adversarial - images, norm) / distances
    np.testing.assert_allclose(ratios, 1.02, atol=1e-4)


def test_overshoot_is_a_fraction_of_the_walk():
    model = LinearModel((6, 6, 3))
    images, labels = model.batch(4)
    attack = attacks.deepfool(overshoot=0.3)
    adversarial = check_attack(attack, model.keras, images, labels)
    ratios = lengths(adversarial - images) / model.distances(images, labels)
    np.testing.assert_allclose(ratios, 1.3, atol=1e-4)


def test_an_image_on_the_boundary_leaves_it():
    """The logits are equal, and the tie is the label's."""
    kernel = np.array([[1.0, -1.0], [0.5, 2.0]], "float32")
    model = keras.Sequential(
        [keras.Input((2, 1, 1)), keras.layers.Flatten(), keras.layers.Dense(2)]
    )
    model.set_weights([kernel, -0.5 * kernel.sum(0)])
    images = np.full((1, 2, 1, 1), 0.5, "float32")
    labels = np.array([0])
    attack = attacks.deepfool()
    adversarial = check_attack(attack, model, images, labels)
    assert (model.predict(adversarial, verbose=0).argmax(1) == 1).all()
    assert lengths(adversarial - images).max() < 1.1e-4


@norms
def test_goes_on_where_the_box_binds(norm):
    """Clipped steps fall short, so that it takes more of them."""
    model = LinearModel((4, 4, 1), num_classes=3)
    images = np.round(model.rng.uniform(size=(16, 4, 4, 1))).astype("float32")
    labels = model.logits(images).argmax(1)
    one = attacks.deepfool(norm=norm, steps=1)(model.keras, images, labels)
    assert (model.logits(one.numpy()).argmax(1) == labels).any()
    attack = attacks.deepfool(norm=norm)
    adversarial = check_attack(attack, model.keras, images, labels)
    assert (model.logits(adversarial).argmax(1) != labels).all()


def test_few_classes_miss_the_nearest_boundary():
    """The second largest logit's is farther away: its normal is short."""
    kernel = np.array([[0.0, 0.1, 4.0], [0.0, 0.0, 0.0]], "float32")
    model = keras.Sequential(
        [keras.Input((2, 1, 1)), keras.layers.Flatten(), keras.layers.Dense(3)]
    )
    model.set_weights([kernel, np.array([1.0, 0.92, -2.0])])
    images = np.full((1, 2, 1, 1), 0.5, "float32")
    for classes, distance in ((2, 0.3), (3, 0.25), (10, 0.25)):
        attack = attacks.deepfool(classes=classes)
        adversarial = check_attack(attack, model, images, np.array([0]))
        np.testing.assert_allclose(
            lengths(adversarial - images), 1.02 * distance, atol=1e-4
        )


def paper_deepfool(model, image, label, *, norm, steps):
    """Algorithm 2 in NumPy on `Quadratic`, iterates overshot and clipped."""
    walked = np.zeros_like(image)
    for count in range(steps + 1):
        iterate = np.clip(image + 1.02 * walked, 0, 1)
        logits, jacobian = model(iterate)
        if logits.argmax() != label:
            return iterate, count
        margins = logits - logits[label]
        normals = jacobian - jacobian[label]
        order = 1 if norm == "linf" else 2
        sizes = np.array([np.linalg.norm(n, order) for n in normals])
        sizes[label] = 1
        distances = np.abs(margins) / sizes
        distances[label] = np.inf
        nearest = distances.argmin()
        normal = normals[nearest]
        walked += max(distances[nearest], 1e-4) * (
            np.sign(normal) if norm == "linf" else normal / sizes[nearest]
        )
    return image, count


@norms
@pytest.mark.parametrize("steps", [2, 4])
def test_follows_the_paper_step_by_step(norm, steps):
    """On a curved model; each image stops after its own number of steps."""
    rng = np.random.default_rng(1)
    kernel = rng.normal(size=(4, 12)).astype("float32")
    centers = rng.uniform(size=(4, 12)).astype("float32")
    inputs = keras.Input((2, 2, 3))
    offsets = keras.layers.Reshape((1, 12))(inputs) - centers
    model = keras.Model(inputs, keras.ops.sum(offsets**2 * kernel, -1))
    images = rng.uniform(size=(16, 2, 2, 3)).astype("float32")
    labels = model.predict(images, verbose=0).argmax(1)

    def logits_and_jacobian(pixels):
        offsets = pixels - centers
        return (kernel * offsets**2).sum(-1), 2 * kernel * offsets

    attack = attacks.deepfool(norm=norm, steps=steps)
    ours = check_attack(attack, model, images, labels)
    paper = [
        paper_deepfool(
            logits_and_jacobian,
            image.ravel().astype("float64"),
            label,
            norm=norm,
            steps=steps,
        )
        for image, label in zip(images, labels, strict=True)
    ]
    assert len({count for _, count in paper}) > 1
    expected = np.reshape([image for image, _ in paper], images.shape)
    np.testing.assert_allclose(ours, expected, atol=1e-4)


@norms
def test_failures_and_mistakes_come_back_unperturbed(norm):
    model = LinearModel((4, 4, 1), num_classes=2)
    images, labels = model.batch(4)
    wrong = 1 - labels
    attack = attacks.deepfool(norm=norm)
    np.testing.assert_array_equal(attack(model.keras, images, wrong), images)
    constant = LinearModel((4, 4, 1), num_classes=2)
    constant.keras.set_weights([constant.kernel * 0, np.array([1.0, 0.0])])
    zeros = np.zeros(4, int)
    unmoved = attack(constant.keras, images, zeros)
    np.testing.assert_array_equal(unmoved, images)


@norms
def test_in_training_none_comes_back_unperturbed(norm):
    """Mistakes take one step; what is too far is cut to the ball."""
    model = LinearModel((4, 4, 1), num_classes=2)
    images, labels = model.batch(9, closest=0.1, farthest=0.3)
    labels[::3] = 1 - labels[::3]
    distances = model.distances(images, model.logits(images).argmax(1), norm)
    max_norm = float(np.median(distances))
    attack = attacks.deepfool(norm=norm, steps=1, max_norm=max_norm)
    adversarial = check_attack(attack, model.keras, images, labels)
    np.testing.assert_allclose(
        lengths(adversarial - images, norm),
        np.minimum(1.02 * distances, max_norm),
        rtol=1e-3,
    )
    free = attacks.deepfool(norm=norm, steps=1, fallback="last")
    farther = free(model.keras, images[::3], labels[::3]).numpy()
    gaps = model.distances(farther, model.logits(farther).argmax(1), norm)
    np.testing.assert_allclose(gaps, 2.02 * distances[::3], rtol=1e-3)


class Alternating(keras.layers.Layer):
    """Logits tilted one way in one call and the other in the next."""

    def __init__(self, tilt):
        super().__init__()
        self.tilt = tilt.astype("float32")

    def build(self, input_shape):
        self.sign = self.add_weight(
            shape=(), initializer="ones", trainable=False
        )

    def call(self, images):
        self.sign.assign(-self.sign)
        flat = keras.ops.reshape(images, (-1, len(self.tilt)))
        return self.sign * keras.ops.matmul(flat, self.tilt)


def test_draws_average_a_randomised_model():
    """In pairs of draws the tilts cancel, in gradients and in tests."""
    linear = LinearModel((4, 4, 1), num_classes=2)
    images, labels = linear.batch(6)
    tilt = np.random.default_rng(5).normal(size=(16, 2))
    inputs = keras.Input((4, 4, 1))
    tilted = linear.keras(inputs) + Alternating(tilt)(inputs)
    model = keras.Model(inputs, tilted)

    def ratios(draws):
        attack = attacks.deepfool(draws=draws, steps=1)
        moves = attack(model, images, labels) - images
        return lengths(moves) / linear.distances(images, labels)

    np.testing.assert_allclose(ratios(2), 1.02, rtol=1e-3)
    assert np.abs(ratios(1) - 1.02).max() > 0.1


@pytest.mark.large
@norms
def test_median_norm_on_a_preset_is_foolbox_or_better(norm):
    foolbox = import_foolbox()
    model = zoo.load("wrn16_2")
    images, labels = next(
        datasets.load(
            "fashion_mnist_sample", batch_size=120
        ).as_numpy_iterator()
    )
    right = model.predict(images, verbose=0).argmax(1) == labels
    images, labels = images[right][:100], labels[right][:100]
    assert len(images) == 100
    ours = attacks.deepfool(norm=norm)(model, images, labels)
    assert (model.predict(ours, verbose=0).argmax(1) != labels).all()
    peer = {
        "l2": foolbox.attacks.L2DeepFoolAttack,
        "linf": foolbox.attacks.LinfDeepFoolAttack,
    }[norm](steps=50, candidates=10, overshoot=0.02)
    _, theirs, fooled = peer(
        foolbox.TensorFlowModel(model, bounds=(0, 1)),
        tf.constant(images),
        tf.constant(labels),
        epsilons=None,
    )
    assert fooled.numpy().all()
    median = np.median(lengths(ours - images, norm))
    assert median <= 1.02 * np.median(lengths(theirs - images, norm))
