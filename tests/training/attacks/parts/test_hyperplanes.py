"""Projection on hyperplanes in the box, against SciPy's solvers."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from scipy import optimize

from tests.helpers import box_distance
from tests.helpers import lengths
from zoo.training.attacks.parts import geometry

norms = pytest.mark.parametrize("norm", ["linf", "l2"])


def displacements(pixels, normals, gaps, norm):
    """On flat arrays."""
    pixels, normals = (
        np.asarray(array, "float32")[:, :, None, None]
        for array in (pixels, normals)
    )
    moves = geometry.displacements(
        tf.constant(pixels),
        tf.constant(normals),
        tf.constant(gaps, "float32"),
        norm=norm,
    )
    assert moves.shape == pixels.shape
    return moves.numpy()[:, :, 0, 0]


def problems(seed, size=8, pixels=6):
    """Points, some of them on bounds, normals with zeros, reachable gaps."""
    rng = np.random.default_rng(seed)
    points = np.clip(rng.uniform(-0.3, 1.3, (size, pixels)), 0, 1)
    normals = rng.normal(size=(size, pixels))
    normals[rng.uniform(size=normals.shape) < 0.2] = 0
    normals[:, 0] = 1
    lowest = (np.minimum(normals, 0) - normals * points).sum(1)
    highest = (np.maximum(normals, 0) - normals * points).sum(1)
    gaps = lowest + rng.uniform(size=size) * (highest - lowest)
    return points, normals, gaps


def test_known_answers():
    """Both pixels move at first; the first stops 0.1 from its start."""
    points, normals = [[0.9, 0.2]], [[1.0, 0.5]]
    for norm, gap, expected in (
        ("linf", 0.12, [0.08, 0.08]),
        ("linf", 0.3, [0.1, 0.4]),
        ("linf", -0.3, [-0.2, -0.2]),
        ("linf", -0.8, [-0.7, -0.2]),
        ("l2", 0.1, [0.08, 0.04]),
        ("l2", 0.3, [0.1, 0.4]),
        ("l2", -0.25, [-0.2, -0.1]),
        ("l2", -0.9, [-0.8, -0.2]),
    ):
        moves = displacements(points, normals, [gap], norm)
        np.testing.assert_allclose(moves, [expected], atol=1e-6)


@norms
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_moves_are_the_shortest(norm, seed):
    points, normals, gaps = problems(seed)
    moves = displacements(points, normals, gaps, norm)
    ends = points + moves
    assert ends.min() >= -1e-6
    assert ends.max() <= 1 + 1e-6
    np.testing.assert_allclose((normals * moves).sum(1), gaps, atol=2e-6)
    exact = [
        box_distance(*problem, norm)
        for problem in zip(points, normals, gaps, strict=True)
    ]
    np.testing.assert_allclose(lengths(moves, norm), exact, atol=5e-5)


def exact_move(point, normal, gap, norm):
    """The root, in float64, of the gap left after a time."""
    direction = np.sign(gap) * (np.sign(normal) if norm == "linf" else normal)

    def move(time):
        return np.clip(point + time * direction, 0, 1) - point

    def left(time):
        return normal @ move(time) - gap

    return move(optimize.brentq(left, 0, 1e9, xtol=1e-12))


@norms
def test_many_pixels_lose_no_precision(norm):
    """A root of the gap closed in float64, at the size of a photograph."""
    points, normals, gaps = problems(3, size=4, pixels=150_000)
    normals *= 10.0 ** np.random.default_rng(0).uniform(-4, 0, normals.shape)
    points = points.astype("float32").astype("float64")
    normals = normals.astype("float32").astype("float64")
    gaps = 0.3 * np.abs(normals).sum(1) * [0.02, -0.1, 0.5, -0.9]
    moves = displacements(points, normals, gaps, norm)
    for point, normal, gap, move in zip(
        points, normals, gaps, moves, strict=True
    ):
        exact = exact_move(point, normal, gap, norm)
        np.testing.assert_allclose(move, exact, atol=2e-5)


@norms
@pytest.mark.parametrize("gap", [5.0, -5.0, np.inf, -np.inf])
def test_hyperplanes_outside_end_at_the_far_bounds(norm, gap):
    points, normals = [[0.3, 0.6, 0.5]], [[1.0, -0.5, 0.0]]
    moves = displacements(points, normals, [gap], norm)
    expected = [0.7, -0.6, 0.0] if gap > 0 else [-0.3, 0.4, 0.0]
    np.testing.assert_allclose(moves, [expected], atol=1e-6)


@norms
@pytest.mark.parametrize("gap", [0.0, 0.4, -np.inf])
def test_nothing_moves_without_a_normal_or_a_gap(norm, gap):
    points = [[0.3, 0.0, 1.0]]
    still = np.zeros((1, 3))
    moves = displacements(points, still, [gap], norm)
    np.testing.assert_array_equal(moves, still)
    moves = displacements(points, np.ones((1, 3)), [0.0], norm)
    np.testing.assert_array_equal(moves, still)


@norms
def test_takes_unknown_and_empty_batches(norm):
    @tf.function(
        input_signature=[
            tf.TensorSpec((None, 2, 3, 1)),
            tf.TensorSpec((None,)),
        ]
    )
    def moves(images, gaps):
        normals = tf.ones_like(images)
        return geometry.displacements(images, normals, gaps, norm=norm)

    for size in (0, 1, 3):
        images = tf.fill((size, 2, 3, 1), 0.5)
        result = moves(images, tf.fill((size,), 0.6))
        np.testing.assert_allclose(result, tf.fill((size, 2, 3, 1), 0.1))
