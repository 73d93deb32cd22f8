"""A model with known distances, and the checks every attack must pass."""

import keras
import numpy as np
from scipy import optimize

from zoo.training.attacks import Attack


class LinearModel:
    """A linear classifier, whose distances to other classes are exact.

    Args:
        image_shape: `(height, width, channels)`.
        num_classes: 2 or more.
        scale: Multiplies the logits; large values make a loss see little
            but the nearest other class.
        seed: Fixes weights and images.
    """

    def __init__(self, image_shape, num_classes=2, *, scale=1.0, seed=0):
        rng = np.random.default_rng(seed)
        size = int(np.prod(image_shape))
        self.rng = rng
        self.image_shape = image_shape
        self.kernel = rng.normal(size=(size, num_classes)) * scale
        self.bias = -0.5 * self.kernel.sum(0)
        self.keras = keras.Sequential(
            [
                keras.Input(image_shape),
                keras.layers.Flatten(),
                keras.layers.Dense(num_classes),
            ]
        )
        self.keras.set_weights([self.kernel, self.bias])

    def logits(self, images):
        return images.reshape(len(images), -1) @ self.kernel + self.bias

    def batch(self, size, *, closest=0.2, farthest=0.6):
        """Returns images whose L2 distances are in a range, and classes.

        Pixels are on the 8-bit grid, well inside [0, 1], so that the box
        doesn't bind.
        """
        images = np.empty((0, *self.image_shape))
        for _ in range(100):
            new = self.rng.uniform(0.25, 0.75, (1000, *self.image_shape))
            new = np.round(new * 255) / 255
            distances = self.distances(new, self.logits(new).argmax(1))
            keep = (distances > closest) & (distances < farthest)
            images = np.concatenate([images, new[keep]])[:size]
            if len(images) == size:
                labels = self.logits(images).argmax(1)
                return images.astype("float32"), labels
        raise ValueError(
            "Images at such distances are too rare. Received: "
            f"closest={closest}, farthest={farthest}"
        )

    def batch_at(self, size, distance):
        """Returns images all at one distance from the two classes' border."""
        images = self.rng.uniform(0.45, 0.55, (size, *self.image_shape))
        normal = self.kernel[:, 0] - self.kernel[:, 1]
        normal = (normal / np.linalg.norm(normal)).reshape(self.image_shape)
        labels = np.arange(size) % 2
        sides = np.where(labels == 0, 1, -1)
        offsets = ((images - 0.5) * normal).sum((1, 2, 3))
        moves = sides * distance - offsets
        images = images + moves[:, None, None, None] * normal
        return images.astype("float32"), labels

    def batch_on_bounds(self, size):
        """Returns images most of whose pixels are 0 or 1, and classes."""
        images = self.rng.uniform(-0.5, 1.5, (size, *self.image_shape))
        images = np.clip(images, 0, 1).astype("float32")
        return images, self.logits(images).argmax(1)

    def distances(self, images, labels, norm="l2"):
        """Returns how far each image is from the nearest other class."""
        logits = self.logits(images)
        rows = np.arange(len(images))
        gaps = logits[rows, labels][:, None] - logits
        normals = self.kernel.T[None] - self.kernel.T[labels][:, None]
        dual = 2 if norm == "l2" else 1
        lengths = np.linalg.norm(normals, ord=dual, axis=-1)
        lengths[rows, labels] = 1
        distances = gaps / lengths
        distances[rows, labels] = np.inf
        return distances.min(1)


def lengths(perturbations, norm="l2"):
    """Returns the norm of each perturbation, in float64."""
    flat = np.asarray(perturbations, "float64").reshape(len(perturbations), -1)
    return np.linalg.norm(flat, ord=np.inf if norm == "linf" else 2, axis=1)


def targeted_lengths(attack: Attack, model, images, labels):
    """Returns the least L2 norm with which an image reached another class.

    Args:
        attack: A targeted one.
        model: A `LinearModel`.
    """
    classes = model.keras.output_shape[-1]
    norms = []
    for offset in range(1, classes):
        targets = (labels + offset) % classes
        adversarial = attack(model.keras, images, targets).numpy()
        reached = model.logits(adversarial).argmax(1) == targets
        norms.append(np.where(reached, lengths(adversarial - images), np.inf))
    return np.min(norms, axis=0)


def check_attack(attack: Attack, model, images, labels):
    """Returns the adversarial images after checking what all must obey.

    They are finite, in [0, 1] and in the ball, and the model's weights are
    as before.
    """
    weights = [np.array(weight) for weight in model.get_weights()]
    adversarial = attack(model, images, labels).numpy()
    assert adversarial.dtype == np.float32
    assert adversarial.shape == np.shape(images)
    assert np.isfinite(adversarial).all()
    assert adversarial.min() >= 0
    assert adversarial.max() <= 1
    if attack.eps is not None:
        perturbations = adversarial - np.asarray(images, "float32")
        radius = attack.eps * (1 + 1e-5) + 1e-6
        assert (lengths(perturbations, attack.norm) <= radius).all()
    for before, after in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    return adversarial


def box_distance(point, normal, gap, norm="l2"):
    """Returns the shortest move in [0, 1] along which `normal` gains `gap`.

    Solved by SciPy: a linear program in L-inf, SLSQP in L2, so for few
    pixels. `point` and `normal` are flat.
    """
    size = len(point)
    if norm == "linf":  # Of moves and, last, their largest size.
        sizes = np.ones((size, 1))
        result = optimize.linprog(
            np.eye(size + 1)[-1],
            A_ub=np.block([[np.eye(size), -sizes], [-np.eye(size), -sizes]]),
            b_ub=np.zeros(2 * size),
            A_eq=np.append(normal, 0)[None],
            b_eq=[gap],
            bounds=[*zip(-point, 1 - point, strict=True), (0, None)],
        )
        assert result.success, result.message
        return result.fun
    result = optimize.minimize(
        lambda move: move @ move / 2,
        gap * normal / (normal @ normal),
        jac=lambda move: move,
        bounds=list(zip(-point, 1 - point, strict=True)),
        constraints={
            "type": "eq",
            "fun": lambda move: normal @ move - gap,
            "jac": lambda move: normal,
        },
        options={"ftol": 1e-12, "maxiter": 500},
        method="SLSQP",
    )
    assert result.success, result.message
    return np.linalg.norm(result.x)


def box_distances(model, images, labels, norm="l2"):
    """Returns how far each image is from the nearest other class in [0, 1].

    Of a `LinearModel`; as its `distances`, where the box may bind.
    """
    return np.array(
        [
            min(
                box_distance(
                    image.ravel().astype("float64"),
                    model.kernel[:, target] - model.kernel[:, label],
                    logits[label] - logits[target],
                    norm,
                )
                for target in set(range(len(logits))) - {label}
            )
            for image, label, logits in zip(
                images, labels, model.logits(images), strict=True
            )
        ]
    )
