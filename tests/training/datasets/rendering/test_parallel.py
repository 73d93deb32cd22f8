"""Rendering in several processes."""

import numpy as np
import pytest

from zoo.training.datasets.rendered_signs.rendering import crop
from zoo.training.datasets.rendered_signs.rendering import layout
from zoo.training.datasets.rendered_signs.rendering import scene
from zoo.training.datasets.rendering import parallel
from zoo.training.datasets.rendering.parallel import render_many


@pytest.fixture(autouse=True)
def two_processes(monkeypatch):
    monkeypatch.setattr(parallel, "_WORTH_IT", 2)
    monkeypatch.setattr("os.cpu_count", lambda: 2)


@pytest.fixture
def workers(monkeypatch):
    started = []
    start = parallel.subprocess.Popen
    monkeypatch.setattr(
        parallel.subprocess,
        "Popen",
        lambda *args, **kwargs: (
            started.append(start(*args, **kwargs)) or started[-1]
        ),
    )
    return started


@pytest.mark.parametrize("render", [crop, scene])
def test_processes_render_what_one_renders(render, workers):
    options = {"size": 24, "seed": 3}
    many = list(render_many(render, "test", 5, layout(24), **options))
    assert len(workers) == 2 and len(many) == 5
    for index, arrays in enumerate(many):
        expected = render("test", index, **options)
        assert set(arrays) == {"image", "mask", "homography"}
        for name, array in arrays.items():
            np.testing.assert_array_equal(array, getattr(expected, name))


def test_few_examples_start_no_process(workers):
    (arrays,) = render_many(crop, "test", 1, layout(24), size=24)
    np.testing.assert_array_equal(
        arrays["image"], crop("test", 0, size=24).image
    )
    assert not workers


def test_a_process_that_fails_is_told(capfd):
    with pytest.raises(RuntimeError, match="must render all of its own"):
        list(render_many(crop, "test", 4, layout(24), size="no size"))
    assert "no size" not in capfd.readouterr().out


def test_leaving_early_ends_the_processes(workers):
    renderings = render_many(crop, "test", 10_000, layout(24), size=24)
    next(renderings)
    renderings.close()
    assert [worker.poll() is None for worker in workers] == [False, False]


def refuse_the_third(split, index, **options):
    if index == 2:
        raise ValueError("photo.jpg is cut short")
    return crop(split, index, **options)


def test_what_cannot_be_rendered_is_said(workers, capfd):
    renderings = render_many(refuse_the_third, "test", 4, layout(24), size=24)
    assert len([next(renderings), next(renderings)]) == 2
    with pytest.raises(ValueError, match=r"^photo\.jpg is cut short$"):
        next(renderings)
    assert "Traceback" not in capfd.readouterr().err
