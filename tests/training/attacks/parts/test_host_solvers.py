"""Python solvers that share a graph's batches."""

import threading
import time

import numpy as np
import pytest
import tensorflow as tf

from zoo.training.attacks.parts import host_solvers
from zoo.training.attacks.parts.host_solvers import solve_each


def doubled(points, rows):
    return 2 * points, rows


def images(count):
    rows = np.arange(count, dtype="float32")
    return tf.constant(np.tile(rows[:, None, None, None], (1, 2, 2, 1)))


def double_by_its_value(image, ask):
    """Doubles once for image 0, twice for image 1 and so on."""
    rows = set()
    point = image + 1
    for _ in range(int(image.max()) + 1):
        point, row = ask(point)
        rows.add(int(row))
    assert rows == {int(image.max())}
    return point


def threads():
    return threading.active_count()


@pytest.fixture(autouse=True)
def _leaves_nothing():
    before = threads()
    yield
    deadline = time.monotonic() + 5
    while threads() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threads() == before
    assert not host_solvers._Solvers._running


def expected(count):
    return [(row + 1) * 2 ** (row + 1) for row in range(count)]


@pytest.mark.parametrize("count", [0, 1, 5])
def test_each_image_has_its_solver(count):
    results = solve_each(double_by_its_value, doubled, images(count))
    assert results.shape == (count, 2, 2, 1)
    np.testing.assert_array_equal(results[:, 0, 0, 0], expected(count))


def test_solvers_that_wait_are_answered_together():
    batches = []

    def answer(points, rows):
        batches.append(rows.numpy().tolist())
        return doubled(points, rows)

    solve_each(double_by_its_value, answer, images(4))
    assert batches == [[0, 1, 2, 3], [1, 2, 3], [2, 3], [3]]


def test_few_run_at_a_time(monkeypatch):
    monkeypatch.setattr(host_solvers, "_CONCURRENT", 2)
    batches = []

    def answer(points, rows):
        batches.append(rows.numpy().tolist())
        return doubled(points, rows)

    results = solve_each(double_by_its_value, answer, images(4))
    np.testing.assert_array_equal(results[:, 0, 0, 0], expected(4))
    assert batches[:2] == [[0, 1], [1, 2]]
    assert max(map(len, batches)) == 2


def test_traces_once():
    traces = []

    def answer(points, rows):
        traces.append(1)
        return doubled(points, rows)

    graph = tf.function(
        lambda images: solve_each(double_by_its_value, answer, images),
        input_signature=[tf.TensorSpec((None, 2, 2, 1))],
    )
    for count in (3, 5):
        results = graph(images(count))
        np.testing.assert_array_equal(results[:, 0, 0, 0], expected(count))
    assert len(traces) == 1


def test_calls_at_the_same_time_stay_apart():
    graph = tf.function(
        lambda images: solve_each(double_by_its_value, doubled, images),
        input_signature=[tf.TensorSpec((None, 2, 2, 1))],
    )
    results = {}

    def call(count):
        results[count] = graph(images(count))

    callers = [threading.Thread(target=call, args=(n,)) for n in (2, 5, 8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    for count, result in results.items():
        np.testing.assert_array_equal(result[:, 0, 0, 0], expected(count))


def test_a_solvers_error_stops_all():
    def fail(image, ask):
        while True:
            ask(image)
            if image.max() == 2:
                raise RuntimeError("out of luck")

    with pytest.raises(RuntimeError, match="out of luck"):
        solve_each(fail, doubled, images(4))


def test_solvers_give_up_on_a_graph_that_failed(monkeypatch):
    monkeypatch.setattr(host_solvers, "_PATIENCE", 0.05)

    def answer(points, rows):
        tf.debugging.assert_less(points, 2.0, message="too large")
        return doubled(points, rows)

    with pytest.raises(tf.errors.InvalidArgumentError, match="too large"):
        solve_each(double_by_its_value, answer, images(3))
