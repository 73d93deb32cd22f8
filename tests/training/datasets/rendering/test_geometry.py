"""Outlines and homographies against known answers."""

import numpy as np
import pytest

from zoo.training.datasets.rendering import camera
from zoo.training.datasets.rendering.geometry import bezier
from zoo.training.datasets.rendering.geometry import inset
from zoo.training.datasets.rendering.geometry import rectangle
from zoo.training.datasets.rendering.geometry import regular_polygon
from zoo.training.datasets.rendering.geometry import rounded
from zoo.training.datasets.rendering.geometry import transform


def area(points):
    x, y = points.T
    return 0.5 * np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))


def test_inset_moves_every_edge_inwards():
    np.testing.assert_allclose(
        inset(rectangle(0.1, 0.2, 0.9, 0.8), 0.05),
        rectangle(0.15, 0.25, 0.85, 0.75),
    )
    # A regular polygon's edges are its apothem away from the centre.
    octagon = regular_polygon(8, 0.5, 22.5)
    smaller = inset(octagon, 0.1)
    apothem = 0.5 * np.cos(np.pi / 8)
    expected = 0.5 + (octagon - 0.5) * (apothem - 0.1) / apothem
    np.testing.assert_allclose(smaller, expected, atol=1e-12)


@pytest.mark.parametrize("sides", [3, 4, 5, 8])
def test_polygons_are_clockwise_as_insets_need(sides):
    polygon = regular_polygon(sides, 0.5, 0.0)
    assert area(polygon) == pytest.approx(
        sides / 2 * 0.25 * np.sin(2 * np.pi / sides)
    )


def test_rounded_corners_cut_off_a_known_area():
    square, radius = rectangle(0.0, 0.0, 1.0, 1.0), 0.2
    cut = 1 - area(rounded(square, radius))
    # Four corners miss a square less a quarter of a disc each.
    assert cut == pytest.approx((4 - np.pi) * radius**2, rel=0.02)
    assert rounded(square, 0.0) is square
    assert rounded(square, -0.1) is square


def test_bezier_meets_its_ends_and_its_middle():
    curve = bezier((0, 0), (1, 0), (1, 1), (0, 1))
    np.testing.assert_allclose(curve[[0, -1]], [(0, 0), (0, 1)], atol=1e-12)
    assert curve[:, 0].max() == pytest.approx(0.75, abs=1e-3)


def test_transform_divides_by_the_third_coordinate():
    homography = np.array([[2.0, 0, 1], [0, 3, 0], [1, 0, 1]])
    np.testing.assert_allclose(
        transform(homography, np.array([[1.0, 2.0]])), [[1.5, 3.0]]
    )


@pytest.mark.parametrize("seed", range(20))
def test_crops_hold_the_sign_and_little_else(seed):
    rng = np.random.default_rng(seed)
    outline = rectangle(0.2, 0.0, 0.8, 1.0)
    homography = camera.cropped(camera.random_pose(rng), outline, 32, rng)
    seen = transform(homography, outline)
    # A box that misses by -3 % to 8 % of the sign's own sides.
    assert np.all(seen.min(0) > -0.04 * 32) and np.all(seen.min(0) < 0.09 * 32)
    assert np.all(seen.max(0) < 1.04 * 32) and np.all(seen.max(0) > 0.9 * 32)
    assert area(seen) > 0  # Not mirrored.


@pytest.mark.parametrize("seed", range(20))
def test_placed_signs_are_whole_and_keep_their_proportions(seed):
    rng = np.random.default_rng(seed)
    pose, outline = camera.random_pose(rng), rectangle(0.0, 0.0, 1.0, 1.0)
    seen = transform(camera.placed(pose, outline, 128, rng), outline)
    assert seen.min() >= -1e-9 and seen.max() <= 128 + 1e-9
    extent = np.ptp(seen, axis=0)
    assert 0.15 * 128 - 1e-6 <= extent.max() <= 0.6 * 128 + 1e-6
    before = np.ptp(transform(pose, outline), axis=0)
    assert extent[0] / extent[1] == pytest.approx(before[0] / before[1])


def test_poses_differ_and_never_show_the_back():
    poses = [camera.random_pose(np.random.default_rng(i)) for i in range(200)]
    corners = np.array([transform(pose, camera.SQUARE) for pose in poses])
    assert all(area(c) > 0 for c in corners)
    widths = np.ptp(corners[..., 0], axis=1)
    heights = np.ptp(corners[..., 1], axis=1)
    # Turned by up to 50 degrees: cos(50) = 0.64.
    assert 0.55 < (widths / heights).min() < 0.85
