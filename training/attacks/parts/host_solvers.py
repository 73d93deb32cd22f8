"""Solvers written in Python, one per image, on a model in the graph.

Each solver runs in its own thread on the host and asks for the model's answer
one point at a time. When all of them wait, the graph answers all points in
one batch. So the model is traced once and sees batches, while a solver reads
as if it had the model to itself.
"""

import itertools
import queue
import threading
from collections.abc import Callable

import numpy as np
import tensorflow as tf

Ask = Callable[[np.ndarray], tuple[np.ndarray, ...]]
"""Returns the graph's answer for one point, after waiting for it."""

_CONCURRENT = 256
_PATIENCE = 3600.0  # Seconds without an answer: the graph must have failed.


def solve_each(
    solver: Callable[[np.ndarray, Ask], np.ndarray],
    answer: Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, ...]],
    images: tf.Tensor,
) -> tf.Tensor:
    """Runs a solver on each image.

    At most 256 run at a time; the others start as those return. An error in
    a solver stops them all and is the graph's error.

    Args:
        solver: Python function `(image, ask) -> image` of float32 arrays,
            where `ask(point)` waits for the graph's answer.
        answer: In-graph function `(points, rows) -> answers`: for a batch of
            points and the rows of their images, tensors of one row each.

    Returns:
        What the solvers returned, float32, of the shape of `images`.
    """
    handle = tf.numpy_function(
        lambda images: _Solvers.start(solver, images), [images], tf.int64
    )

    def proceed(*answers):
        points, rows = tf.numpy_function(
            _Solvers.proceed, (handle, *answers), (tf.float32, tf.int32)
        )
        points = tf.ensure_shape(points, (None, *images.shape[1:]))
        return points, tf.ensure_shape(rows, (None,))

    _, rows = tf.while_loop(
        lambda points, rows: tf.size(rows) > 0,
        lambda points, rows: proceed(*answer(points, rows)),
        proceed(),
    )
    with tf.control_dependencies([rows]):
        results = tf.numpy_function(_Solvers.finish, (handle,), tf.float32)
    return tf.ensure_shape(results, images.shape)


class _Stopped(Exception):
    """Raised in a solver whose answer won't come."""


class _Solvers:
    """The solvers of one batch; the graph knows them by a number."""

    _running = {}
    _handles = itertools.count()

    def __init__(self, solver, images):
        self._handle = next(self._handles)
        self._solver = solver
        self._results = np.array(images)
        self._unstarted = iter(range(len(images)))
        self._messages = queue.SimpleQueue()
        self._replies = {}
        self._busy = 0
        self._asking = {}

    @classmethod
    def start(cls, solver, images):
        """Starts the first solvers and returns their handle."""
        solvers = cls(solver, images)
        cls._running[solvers._handle] = solvers
        for _ in range(_CONCURRENT):
            solvers._launch()
        return np.int64(solvers._handle)

    @classmethod
    def proceed(cls, handle, *answers):
        """Gives the answers; returns the next points and their rows."""
        solvers = cls._running[int(handle)]
        try:
            return solvers._proceed([np.array(answer) for answer in answers])
        except BaseException:
            solvers._abandon()
            raise

    @classmethod
    def finish(cls, handle):
        """Returns the results, once no solver is left."""
        return cls._running.pop(int(handle))._results

    def _launch(self):
        """Starts the next solver, if there is one."""
        for row in itertools.islice(self._unstarted, 1):
            self._replies[row] = queue.SimpleQueue()
            self._busy += 1
            threading.Thread(target=self._run, args=(row,), daemon=True).start()

    def _run(self, row):
        """Runs one solver, in its thread."""

        def ask(point):
            self._messages.put(("asks", row, point))
            try:
                reply = self._replies[row].get(timeout=_PATIENCE)
            except queue.Empty:
                self._abandon()
                raise _Stopped from None
            if reply is None:
                raise _Stopped
            return reply

        try:
            result = self._solver(np.array(self._results[row]), ask)
        except _Stopped:
            return
        except BaseException as error:
            self._messages.put(("fails", row, error))
        else:
            self._messages.put(("returns", row, result))

    def _proceed(self, answers):
        for row, *reply in zip(sorted(self._asking), *answers, strict=True):
            self._replies[row].put(tuple(reply))
            self._busy += 1
        self._asking = {}
        while self._busy:
            event, row, content = self._messages.get()
            self._busy -= 1
            if event == "asks":
                self._asking[row] = content
            elif event == "returns":
                self._results[row] = content
                self._launch()
            else:
                raise content
        rows = np.array(sorted(self._asking), "int32")
        points = np.empty((len(rows), *self._results.shape[1:]), "float32")
        for point, row in zip(points, rows, strict=True):
            point[...] = self._asking[row]
        return points, rows

    def _abandon(self):
        """Stops every solver at its next question, without a result."""
        self._running.pop(self._handle, None)
        for reply in self._replies.values():
            reply.put(None)
