"""Ray casting against shapes whose pictures are known."""

import numpy as np
import pytest
import trimesh
from scipy.spatial.transform import Rotation

from zoo.training.datasets.rendered_objects import ray_casting
from zoo.training.datasets.rendered_objects.meshes import Body
from zoo.training.datasets.rendered_objects.meshes import body
from zoo.training.datasets.rendered_objects.ray_casting import RayCaster
from zoo.training.datasets.rendered_objects.ray_casting import rotation

POSES = np.array([[0.3, -0.4, 0.5], [-0.5, 0.5, -0.5], [0.0, 0.0, 0.0]])


def caster(mesh, size=64, camera=(0.0, 0.0, 3.0), grey=0.5):
    return RayCaster(Body(mesh, np.full(len(mesh.faces), grey), camera), size)


@pytest.mark.parametrize("pose", POSES)
def test_rotation_is_blenders_zxy(pose):
    """Angles come as x, y, z; z turns first, then x, then y."""
    x, y, z = pose
    expected = Rotation.from_euler("zxy", [z, x, y]).as_matrix()
    np.testing.assert_allclose(rotation(pose), expected, atol=1e-12)


def test_sphere_covers_the_disc_that_perspective_makes_of_it():
    radius, distance = 0.9, 3.0
    sphere = trimesh.creation.icosphere(subdivisions=4, radius=radius)
    grey, alpha = caster(sphere).render(np.zeros(3))
    # The cone that touches the sphere, where it meets the plane at 1.
    edge = np.tan(np.arcsin(radius / distance)) / (16 / 35) * 32
    assert alpha.sum() == pytest.approx(np.pi * edge**2, rel=0.01)
    rows, columns = np.mgrid[:64, :64] - 31.5
    reach = np.hypot(rows, columns)
    assert (alpha[reach < edge - 1.5] == 1).all()
    assert (alpha[reach > edge + 1.5] == 0).all()
    assert set(np.unique(alpha)) == {0, 0.25, 0.5, 0.75, 1}
    assert (grey[alpha == 0] == 0).all()


def test_camera_moves_the_picture_the_other_way():
    sphere = trimesh.creation.icosphere(radius=0.2)
    _, alpha = caster(sphere, camera=(0.3, -0.2, 2.5)).render(np.zeros(3))
    rows, columns = np.nonzero(alpha)
    scale = 32 / (16 / 35) / 2.5
    assert columns.mean() == pytest.approx(31.5 - 0.3 * scale, abs=0.5)
    assert rows.mean() == pytest.approx(31.5 - 0.2 * scale, abs=0.5)


@pytest.mark.parametrize("label", [0, 1])
@pytest.mark.parametrize("pose", POSES[:2])
def test_turning_the_camera_is_turning_the_mesh(label, pose):
    shown = body(label)
    grey, alpha = RayCaster(shown, 32).render(pose)
    matrix = np.eye(4)
    matrix[:3, :3] = rotation(pose)
    turned = Body(
        shown.mesh.copy().apply_transform(matrix),
        shown.reflectance,
        shown.camera,
    )
    other_grey, other_alpha = RayCaster(turned, 32).render(np.zeros(3))
    assert np.abs(alpha - other_alpha).mean() < 1e-3
    assert np.abs(grey - other_grey).mean() < 1e-3


@pytest.mark.parametrize("label", range(3))
def test_culled_rays_would_have_missed(label, monkeypatch):
    renders = [RayCaster(body(label), 32).render(pose) for pose in POSES]
    whole = slice(0, 64)
    monkeypatch.setattr(RayCaster, "_box", lambda self, turned: (whole, whole))
    for pose, render in zip(POSES, renders, strict=True):
        expected = RayCaster(body(label), 32).render(pose)
        np.testing.assert_array_equal(render, expected)


def test_a_wall_is_as_bright_as_the_lamps_make_it():
    wall = trimesh.graph.smooth_shade(trimesh.creation.box((4, 4, 0.1)), 0.1)
    grey, alpha = caster(wall, size=8, grey=0.5).render(np.zeros(3))
    key = 0.7 / np.linalg.norm([0.45, 0.55, 0.7])
    fill = 0.8 / np.linalg.norm([-0.6, -0.1, 0.8])
    assert (alpha == 1).all()
    np.testing.assert_allclose(grey, 0.5 * (0.1 + 0.75 * key + 0.15 * fill))


def test_meshes_that_are_inside_out_look_the_same():
    shown = body(0)
    grey, _ = RayCaster(shown, 32).render(POSES[0])
    flipped = shown.mesh.copy()
    flipped.invert()
    other = RayCaster(Body(flipped, shown.reflectance, shown.camera), 32)
    np.testing.assert_allclose(other.render(POSES[0])[0], grey, atol=1e-12)


def test_shares_of_corners_give_the_point_that_was_hit():
    shown = caster(trimesh.creation.icosphere(subdivisions=1))
    mesh = trimesh.creation.icosphere(subdivisions=1)
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.ones(3), 20)
    faces = rng.integers(len(mesh.faces), size=20)
    points = np.einsum("nc,ncd->nd", shares, mesh.triangles[faces])
    origin = np.array([0.5, -0.2, 4.0])
    found = shown._shares(faces, origin, points - origin)
    np.testing.assert_allclose(found, shares, atol=1e-9)


def test_casters_are_built_once():
    first = ray_casting.ray_caster(1, 16, "ellipsoids")
    assert ray_casting.ray_caster(1, 16, "ellipsoids") is first
