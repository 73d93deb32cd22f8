"""Auto-PGD's climb, step by step, against the paper's algorithm."""

import numpy as np
import pytest
import tensorflow as tf

from zoo.training.attacks.parts import auto_pgd
from zoo.training.attacks.parts.losses import dlr
from zoo.training.attacks.parts.losses import log_odds
from zoo.training.attacks.parts.losses import succeeds


def paper_checkpoints(steps):
    """Section 3.1: w_j = ceil(p_j N)."""
    fractions = [0.0, 0.22]
    while fractions[-1] <= 1:
        last, before = fractions[-1], fractions[-2]
        fractions.append(last + max(last - before - 0.03, 0.06))
    return [int(np.ceil(round(p * steps, 6))) for p in fractions if p <= 1]


def test_checkpoints_of_100_steps():
    checkpoints = paper_checkpoints(100)
    assert checkpoints == [0, 22, 41, 57, 70, 80, 87, 93, 99]
    periods = auto_pgd._periods(100)
    assert [k for k in range(101) if periods[k] >= 0] == checkpoints
    assert [p for p in periods if p >= 0] == [0, *np.diff(checkpoints)]


@pytest.mark.parametrize("steps", range(1, 40))
def test_checkpoints_of_few_steps(steps):
    periods = np.array(auto_pgd._periods(steps))
    expected = np.unique(paper_checkpoints(steps))
    np.testing.assert_array_equal(np.flatnonzero(periods >= 0), expected)
    np.testing.assert_array_equal(periods[expected][1:], np.diff(expected))


def paper_apgd(value_and_gradient, image, start, *, norm, eps, steps):
    """Algorithm 1 in NumPy on one image; also counts the halvings."""

    def project(moved):
        change = moved - image
        if norm == "linf":
            change = np.clip(change, -eps, eps)
        else:
            change *= min(1, eps / np.linalg.norm(change))
        return np.clip(image + change, 0, 1)

    def climbed(iterate, gradient, size):
        if norm == "linf":
            return project(iterate + size * np.sign(gradient))
        length = np.linalg.norm(gradient) or 1.0
        return project(iterate + size * gradient / length)

    checkpoints = paper_checkpoints(steps)
    value, gradient = value_and_gradient(start)
    previous, iterate = start, climbed(start, gradient, 2 * eps)
    values = [value]
    best, best_value, best_gradient = start, value, gradient
    size, halvings = 2 * eps, 0
    sizes, best_values, last = {0: size}, {0: value}, 0
    for k in range(1, steps + 1):
        value, gradient = value_and_gradient(iterate)
        values.append(value)
        if value > best_value:
            best, best_value, best_gradient = iterate, value, gradient
        if k == steps:
            break
        if k in checkpoints:
            sizes[k], best_values[k] = size, best_value
            rises = sum(values[i + 1] > values[i] for i in range(last, k))
            first = rises < 0.75 * (k - last)
            second = (
                sizes[last] == sizes[k] and best_values[last] == best_values[k]
            )
            last = k
            if first or second:
                size /= 2
                halvings += 1
                iterate, gradient = best, best_gradient
                values[-1] = best_value
        stepped = climbed(iterate, gradient, size)
        moved = iterate + 0.75 * (stepped - iterate)
        moved = project(moved + 0.25 * (iterate - previous))
        previous, iterate = iterate, moved
    return best, best_value, halvings


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("steps", [2, 30])
@pytest.mark.parametrize("loss", [log_odds, dlr])
def test_follows_the_paper_step_by_step(loss, steps, norm):
    """The box binds here: pixels span [0, 1]."""
    rng = np.random.default_rng(2)
    kernel, centers = rng.normal(size=(4, 27)), rng.uniform(size=(4, 27))
    images = rng.uniform(size=(8, 3, 3, 3))
    labels = rng.integers(0, 4, 8)
    eps = {"linf": 0.1, "l2": 0.5}[norm]
    start = images + rng.uniform(-eps, eps, images.shape) / 6
    start = np.clip(start, 0, 1)

    def logits(images):
        flat = tf.reshape(images, (-1, 1, 27))
        offsets = flat - tf.cast(centers, images.dtype)
        squares = tf.cast(kernel, images.dtype) * offsets**2
        return tf.reduce_sum(squares, -1)

    def value_and_gradient(image, label):
        image = tf.constant(image[None])
        with tf.GradientTape() as tape:
            tape.watch(image)
            value = loss(logits(image), [label])
        return value.numpy()[0], tape.gradient(value, image).numpy()[0]

    ours, values, _ = auto_pgd.auto_pgd(
        logits,
        tf.constant(images, "float32"),
        tf.constant(labels),
        objective=loss,
        success=succeeds,
        start=tf.constant(start, "float32"),
        norm=norm,
        eps=eps,
        steps=steps,
        early_stop=False,
        draws=1,
    )
    same = halvings = 0
    for row in range(8):
        paper, value, halved = paper_apgd(
            lambda image, label=labels[row]: value_and_gradient(image, label),
            images[row],
            start[row],
            norm=norm,
            eps=eps,
            steps=steps,
        )
        same += np.allclose(values[row], value, rtol=1e-3, atol=1e-4) and (
            np.allclose(ours[row], paper, atol=1e-3)
        )
        halvings += halved
    # In float32 a comparison or a sign may turn out otherwise.
    assert same >= (8 if steps == 2 else 6)
    assert (halvings > 8) == (steps == 30)
