"""Rendering in several processes."""

import numpy as np
import pytest

from zoo.training.datasets.rendered_signs import parallel
from zoo.training.datasets.rendered_signs.rendering import crop
from zoo.training.datasets.rendered_signs.rendering import scene


@pytest.fixture(autouse=True)
def two_processes(monkeypatch):
    monkeypatch.setattr(parallel, "_WORTH_IT", 2)
    monkeypatch.setattr("os.cpu_count", lambda: 2)


@pytest.mark.parametrize("scenes", [False, True])
def test_processes_render_what_one_renders(scenes, monkeypatch):
    render, options = scene if scenes else crop, {"size": 24, "seed": 3}
    expected = [render("test", index, **options) for index in range(5)]
    monkeypatch.setattr(parallel, "crop", None)
    monkeypatch.setattr(parallel, "scene", None)
    many = list(parallel.render_many("test", 5, scenes=scenes, **options))
    assert len(many) == 5
    for rendering, other in zip(many, expected, strict=True):
        for name in ("image", "mask", "homography", "corners"):
            np.testing.assert_array_equal(
                getattr(rendering, name), getattr(other, name)
            )


def test_a_process_that_fails_is_told(capfd):
    with pytest.raises(RuntimeError, match="must render all of its own"):
        list(parallel.render_many("no split", 4, scenes=False, size=24))
    assert "no split" not in capfd.readouterr().out


def test_leaving_early_ends_the_processes(monkeypatch):
    workers = []
    start = parallel.subprocess.Popen
    monkeypatch.setattr(
        parallel.subprocess,
        "Popen",
        lambda *args, **kwargs: (
            workers.append(start(*args, **kwargs)) or workers[-1]
        ),
    )
    renderings = parallel.render_many("test", 10_000, scenes=False, size=24)
    next(renderings)
    renderings.close()
    assert [worker.poll() is None for worker in workers] == [False, False]
