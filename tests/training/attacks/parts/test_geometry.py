"""Norms, projection and sampling against known answers."""

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


def test_norms_of_a_3_4_5_triangle():
    perturbation = np.zeros((2, 2, 2, 1), "float32")
    perturbation[0, 0, 0, 0] = -3
    perturbation[0, 1, 1, 0] = 4
    l2 = geometry.norms(perturbation, "l2")
    linf = geometry.norms(perturbation, "linf")
    assert l2.shape == (2, 1, 1, 1)
    np.testing.assert_array_equal(np.ravel(l2), [5, 0])
    np.testing.assert_array_equal(np.ravel(linf), [4, 0])


def test_project_known_answers():
    center = np.full((1, 1, 2, 1), 0.5, "float32")
    image = np.array([0.8, 0.9], "float32").reshape(center.shape)
    l2 = geometry.project(image, center, norm="l2", eps=0.25)
    np.testing.assert_allclose(np.ravel(l2), [0.65, 0.7], atol=1e-6)
    linf = geometry.project(image, center, norm="linf", eps=0.35)
    np.testing.assert_allclose(np.ravel(linf), [0.8, 0.85], atol=1e-6)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_project_leaves_images_inside_alone(norm):
    center = np.full((1, 2, 2, 1), 0.5, "float32")
    image = center + np.float32(0.01)
    projected = geometry.project(image, center, norm=norm, eps=0.1)
    np.testing.assert_allclose(projected, image, atol=1e-7)


@settings(max_examples=25, deadline=None)
@given(
    norm=st.sampled_from(["linf", "l2"]),
    eps=st.sampled_from([0.0, 1e-3, 0.5, 1.0, 4.0]),
    shape=st.tuples(*[st.integers(1, 5)] * 3, st.sampled_from([1, 3])),
    seed=st.integers(0, 1000),
)
def test_project_ends_in_the_ball_and_the_box(norm, eps, shape, seed):
    rng = np.random.default_rng(seed)
    centers = rng.uniform(size=shape).astype("float32")
    images = rng.normal(0.5, 2, shape).astype("float32")
    projected = geometry.project(images, centers, norm=norm, eps=eps)
    projected = projected.numpy()
    assert projected.min() >= 0
    assert projected.max() <= 1
    radius = eps * (1 + 1e-5) + 1e-6
    assert (lengths(projected - centers, norm) <= radius).all()


def test_sample_fills_the_l2_ball_uniformly():
    """In d dimensions (length / eps) ** d is uniform on [0, 1]."""
    shape = (4000, 1, 3, 1)
    points = geometry.sample(shape, norm="l2", eps=2.0, seed=(1, 2)).numpy()
    volumes = np.sort((lengths(points) / 2) ** 3)
    uniform = (np.arange(4000) + 0.5) / 4000
    assert np.abs(volumes - uniform).max() < 1.63 / np.sqrt(4000)  # KS, 1 %
    means = points.reshape(4000, 3).mean(0)
    assert np.abs(means).max() < 4 * points.std() / np.sqrt(4000)


def test_sample_fills_the_linf_ball_uniformly():
    shape = (1000, 1, 2, 2)
    points = geometry.sample(shape, norm="linf", eps=0.3, seed=(1, 2))
    values = np.sort(np.ravel(points))
    uniform = -0.3 + 0.6 * (np.arange(4000) + 0.5) / 4000
    assert np.abs(values - uniform).max() < 0.6 * 1.63 / np.sqrt(4000)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_sample_is_a_function_of_its_seed(norm):
    def draw(seed):
        return geometry.sample((2, 3, 3, 1), norm=norm, eps=1.0, seed=seed)

    np.testing.assert_array_equal(draw((1, 2)), draw((1, 2)))
    assert not np.array_equal(draw((1, 2)), draw((1, 3)))


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_sample_and_project_take_unknown_batch_sizes(norm):
    @tf.function(input_signature=[tf.TensorSpec((None, 3, 3, 1))])
    def noisy(images):
        noise = geometry.sample(
            tf.shape(images), norm=norm, eps=0.5, seed=(1, 2)
        )
        return geometry.project(images + noise, images, norm=norm, eps=0.1)

    for size in (1, 4):
        images = np.full((size, 3, 3, 1), 0.5, "float32")
        noise = noisy(images).numpy() - images
        assert noise.shape == (size, 3, 3, 1)
        # Drawn from a ball five times as wide: nearly all of it is cut off.
        np.testing.assert_allclose(lengths(noise, norm), 0.1, rtol=1e-5)


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
