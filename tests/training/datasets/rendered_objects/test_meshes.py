"""The meshes of the classes, and the ellipsoids of the penguins."""

import importlib.resources
import sys

import numpy as np
import pytest
import trimesh

from zoo.training.datasets.rendered_objects import meshes
from zoo.training.datasets.rendered_objects import tux
from zoo.training.datasets.rendered_objects.ellipsoid import Ellipsoid
from zoo.training.datasets.rendered_objects.ellipsoid import penguin
from zoo.training.datasets.rendered_objects.meshes import body
from zoo.training.datasets.rendered_objects.tux import read_tux

TUX = pytest.mark.skipif(
    not tux.SHAPE.is_file(), reason="extremetuxracer-data is not installed"
)


@pytest.mark.parametrize("label, faces", [(0, 3936), (1, 2452), (2, 13 * 1280)])
def test_bodies_stand_before_their_cameras(label, faces):
    shown = body(label)
    assert shown.mesh.faces.shape == (faces, 3)
    assert shown.reflectance.shape == (faces,)
    assert 0 < shown.reflectance.min() <= shown.reflectance.max() < 1
    middle = shown.mesh.bounds.mean(0)
    np.testing.assert_allclose(middle, [*shown.camera[:2], 0], atol=1e-12)


def test_packaged_meshes_are_small_and_come_with_their_licences():
    files = importlib.resources.files("zoo.training.datasets") / "files"
    for name in ("suzanne", "airplane"):
        assert (files / f"{name}.npz").stat().st_size < 40_000
        notice = (files / f"LICENSE.{name}").read_text()
        assert "MIT License" in notice and "Copyright (c) 20" in notice


def test_packing_keeps_the_triangles(tmp_path):
    for name in ("monkey.obj", "airplane.ply"):
        trimesh.creation.box().export(tmp_path / name)
    paths = [str(tmp_path / n) for n in ("monkey.obj", "airplane.ply", "")]
    assert meshes.main(paths) == 0
    for name in ("suzanne", "airplane"):
        with np.load(tmp_path / f"{name}.npz") as arrays:
            packed = trimesh.Trimesh(arrays["vertices"], arrays["faces"])
        assert packed.faces.shape == (12, 3)
        assert packed.volume == pytest.approx(1)


def test_ellipsoid_is_scaled_then_turned_then_moved():
    shape = Ellipsoid.at((1, 2, 3), (4, 5, 6), (0.1, 0.2, 0.3), turn=90)
    tip = shape.matrix @ [1, 0, 0, 1]
    np.testing.assert_allclose(tip, [1, 2 + 4, 3, 1], atol=1e-12)
    top = shape.matrix @ [0, 1, 0, 1]
    np.testing.assert_allclose(top, [1 - 5, 2, 3, 1], atol=1e-12)


def test_own_penguin_is_symmetric():
    """Each shape has its mirror image in the plane x = 0."""
    mirror = np.diag([-1.0, 1, 1, 1])

    def key(matrix):
        shape = matrix[:3, :3] @ matrix[:3, :3].T
        return (*np.round(matrix[:3, 3], 9), *np.round(shape, 9).ravel())

    shapes = {tuple(np.add(key(e.matrix), 0.0)) for e in penguin()}
    mirrored = {tuple(np.add(key(mirror @ e.matrix), 0.0)) for e in penguin()}
    assert shapes == mirrored and len(shapes) == 13


def test_tux_file_is_read_step_by_step(tmp_path):
    """Parents go first, and the steps of a node from left to right."""
    path = tmp_path / "shape.lst"
    path.write_text(
        "# comment\n"
        "*[material] 1 [mat] red [diff] 0.9 0.1 0.2 [exp] 50.0\n"
        "*[node] 1 [par] 0 [order] 4 [scale] 2 2 2 [name] all\n"
        "*[node] 7 [par] 1 [order] 03 [trans] 1 0 0 [rot] 0 0 90\n"
        "*[node] 8 [par] 7 [order] 045 [trans] 1 0 0 [scale] 1 3 1 "
        "[vis] 10 [mat] red [name] arm\n"
        "*[node] 9 [par] 0 [order] 95 [rot] 0 0 90 [vis] 2 [mat] red\n"
    )
    arm, turned = read_tux(path)
    assert arm.colour == (0.9, 0.1, 0.2)
    # 2 * ((1, 0, 0) + 90 degrees about z of (1, 0, 0)).
    np.testing.assert_allclose(arm.matrix[:3, 3], [2, 2, 0], atol=1e-12)
    np.testing.assert_allclose(arm.matrix[:3, 1], [-6, 0, 0], atol=1e-12)
    # Step 9 turns about y by the third angle.
    np.testing.assert_allclose(turned.matrix[:3, 0], [0, 0, -1], atol=1e-12)


def test_tux_that_is_missing_or_empty_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="install.*extremetuxracer"):
        read_tux(tmp_path / "none")
    (tmp_path / "shape.lst").write_text("# nothing\n")
    with pytest.raises(ValueError, match="without any"):
        read_tux(tmp_path / "shape.lst")


@TUX
def test_installed_tux_has_34_spheres_about_the_middle():
    spheres = read_tux()
    assert len(spheres) == 34
    places = np.array([sphere.matrix[:3, 3] for sphere in spheres])
    assert abs(places[:, 0].mean()) < 0.02
    head, feet = places[:, 1].max(), places[:, 1].min()
    assert head > 0.4 and feet < -0.4


def test_unknown_penguin_is_refused():
    with pytest.raises(ValueError, match="ellipsoids, tux.*'emperor'"):
        body(2, "emperor")


@pytest.mark.parametrize("missing", ["trimesh", "embreex"])
def test_missing_library_is_named(missing, monkeypatch):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ImportError, match=r"defense-zoo\[render\]"):
        meshes.import_trimesh()
