"""Rendering in several processes."""

import functools
import math

import numpy as np
import pytest

from zoo.training.datasets.rendered_signs.rendering import crop
from zoo.training.datasets.rendering import parallel


@pytest.fixture(autouse=True)
def two_processes(monkeypatch):
    monkeypatch.setattr(parallel, "_WORTH_IT", 2)
    monkeypatch.setattr("os.cpu_count", lambda: 2)


def test_processes_render_what_one_renders():
    render = functools.partial(crop, "test", size=24, seed=3)
    many = list(parallel.render_many(render, 5))
    assert len(many) == 5
    for index, rendering in enumerate(many):
        expected = render(index)
        for name in ("image", "mask", "homography", "corners"):
            np.testing.assert_array_equal(
                getattr(rendering, name), getattr(expected, name)
            )


def test_numbers_come_in_order():
    assert list(parallel.render_many(math.sqrt, 5)) == [
        math.sqrt(number) for number in range(5)
    ]


def test_few_pictures_need_no_other_process(monkeypatch):
    monkeypatch.delattr(parallel.subprocess, "Popen")
    assert list(parallel.render_many(lambda index: -index, 3)) == [0, -1, -2]


def test_a_process_that_fails_is_told(capfd):
    """`math.log(0)` is an error, in the process that renders picture 0."""
    with pytest.raises(RuntimeError, match="must render all pictures"):
        list(parallel.render_many(math.log, 4))
    captured = capfd.readouterr()
    assert not captured.out
    assert "ValueError" in captured.err


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
    renderings = parallel.render_many(math.sqrt, 10**9)
    next(renderings)
    renderings.close()
    assert [worker.poll() is None for worker in workers] == [False, False]
