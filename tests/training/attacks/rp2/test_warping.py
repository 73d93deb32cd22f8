"""The warp against SciPy, and its gradient."""

import numpy as np
import tensorflow as tf
from scipy import ndimage

from zoo.training.attacks.rp2.placing import Transformations
from zoo.training.attacks.rp2.placing import homography
from zoo.training.attacks.rp2.placing import warp

MATRICES = np.array(
    [
        [[1.1, 0.2, -0.7], [-0.1, 0.9, 0.4], [0.02, -0.01, 1.0]],
        [[0.5, 0.0, 1.3], [0.1, 0.6, -1.2], [0.0, 0.03, 1.0]],
    ],
    "float32",
)


def expected(plane, matrix, size, mode):
    """Bilinear interpolation of each channel, zero or repeated outside."""
    y, x = np.mgrid[: size[0], : size[1]]
    points = np.stack([x.ravel(), y.ravel(), np.ones(x.size)])
    u, v, depth = matrix.astype("float64") @ points
    channels = [
        ndimage.map_coordinates(
            channel, [v / depth, u / depth], order=1, mode=mode
        )
        for channel in np.moveaxis(plane.astype("float64"), -1, 0)
    ]
    return np.stack(channels, axis=-1).reshape(*size, -1)


def test_matches_scipy_for_one_plane_and_for_many():
    planes = np.random.default_rng(0).random((2, 7, 6, 3), "float32")
    for options, mode in (
        ({}, "grid-constant"),
        ({"repeat_border": True}, "nearest"),
    ):
        shared = warp(tf.constant(planes[:1]), MATRICES, (9, 8), **options)
        own = warp(tf.constant(planes), MATRICES, (9, 8), **options)
        for view, matrix in enumerate(MATRICES):
            for got, plane in ((shared, planes[0]), (own, planes[view])):
                np.testing.assert_allclose(
                    got[view],
                    expected(plane, matrix, (9, 8), mode),
                    atol=1e-4,
                )


def test_identity_changes_nothing():
    planes = np.random.default_rng(0).random((1, 5, 6, 2), "float32")
    seen = warp(tf.constant(planes), np.eye(3, dtype="float32")[None], (5, 6))
    np.testing.assert_array_equal(seen, planes)


def test_gradient_is_the_adjoint_even_where_the_scale_changes():
    """<warp(a), b> = <a, warp'(b)> for every a, as for a linear map."""
    rng = np.random.default_rng(0)
    cotangent = rng.normal(size=(2, 4, 4, 2)).astype("float32")
    shrinking = MATRICES @ np.diag([3, 3, 1]).astype("float32")
    planes = tf.constant(rng.normal(size=(1, 9, 9, 2)).astype("float32"))
    with tf.GradientTape() as tape:
        tape.watch(planes)
        product = tf.reduce_sum(warp(planes, shrinking, (4, 4)) * cotangent)
    adjoint = tape.gradient(product, planes)
    for _ in range(3):
        other = rng.normal(size=(1, 9, 9, 2)).astype("float32")
        seen = warp(tf.constant(other), shrinking, (4, 4))
        np.testing.assert_allclose(
            np.sum(seen * cotangent), np.sum(other * adjoint), rtol=1e-4
        )


def test_homography_takes_points_where_they_go():
    source = np.array([[[0, 0], [4, 0], [4, 3], [0, 3]]], "float32")
    destination = source + [[[0.5, 0.2], [-0.3, 0.1], [0.2, -0.4], [0, 0.3]]]
    destination = destination.astype("float32")
    matrix = homography(tf.constant(source), tf.constant(destination))[0]
    points = np.concatenate([source[0], np.ones((4, 1))], axis=1)
    moved = points @ np.transpose(matrix)
    np.testing.assert_allclose(
        moved[:, :2] / moved[:, 2:], destination[0], atol=1e-4
    )


def test_a_quarter_turn_is_numpys():
    """Drawn turns are uniform, so one is built by hand."""
    corners = np.array([[0, 0], [4, 0], [4, 4], [0, 4]], "float32")
    turned = np.roll(corners, -1, axis=0)
    matrix = homography(corners[None], turned[None])
    plane = np.random.default_rng(0).random((1, 5, 5, 1), "float32")
    seen = warp(tf.constant(plane), matrix, (5, 5))
    np.testing.assert_allclose(seen[0], np.rot90(plane[0]), atol=1e-5)


def test_drawn_homographies_stay_in_their_range():
    size = (11, 21)
    corners = np.array([[0, 0, 1], [20, 0, 1], [20, 10, 1], [0, 10, 1.0]])
    for options, largest in (
        ({"perspective": 0.1}, [2.1, 1.1]),
        ({"rotation": 10}, [2.6, 4.2]),
    ):
        matrices = Transformations(**options).homographies(
            50, size, tf.constant([0, 1])
        )
        moved = corners @ np.swapaxes(matrices.numpy().astype("float64"), 1, 2)
        moves = np.abs(moved[..., :2] / moved[..., 2:] - corners[:, :2])
        assert (moves <= np.array(largest) + 1e-3).all()
        assert (moves.max((0, 1)) > 0.3 * np.array(largest)).all()
        centre = matrices.numpy() @ [10, 5, 1]
        if "rotation" in options:
            np.testing.assert_allclose(
                centre[:, :2] / centre[:, 2:], [[10, 5]] * 50, atol=1e-3
            )
