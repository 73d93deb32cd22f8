"""Bars that show how far an evaluation is, within a batch too."""

import contextlib
import math
import threading
from collections.abc import Callable
from collections.abc import Iterator

import keras
import numpy as np
import rich.console
import rich.progress
import tensorflow as tf
from numpy.typing import ArrayLike

from zoo.training.evaluation.planned_attack import PlannedAttack

_TICK = 0.5
"""Seconds between two looks at a running batch."""
_MOST = 0.99
"""Fraction of a batch that is shown as done while it runs."""


class Progress:
    """Draws a bar for each pass over the images, inside a `with` block.

    A bar shows the attack, the images left, the accuracy on those that are
    done and the time left, from the mean speed of the pass. While a batch of
    an `Attack` runs, it counts the model's forward passes; from the second
    batch on it moves with them, since batches take about as many each. Nothing
    is written, and nothing is counted, unless the console is a terminal.

    Args:
        enabled: Whether to draw at all.
        console: Where to draw; standard error if `None`.
    """

    def __init__(
        self,
        *,
        enabled: bool = True,
        console: rich.console.Console | None = None,
    ):
        console = console or rich.console.Console(stderr=True)
        enabled = enabled and console.is_terminal
        self.counter = PassCounter() if enabled else None
        """Counts what the bars show; `None` if they aren't drawn."""
        self._bars = rich.progress.Progress(
            rich.progress.TextColumn("{task.description}"),
            rich.progress.BarColumn(bar_width=20),
            rich.progress.TextColumn("{task.fields[left]} images left"),
            rich.progress.TextColumn("accuracy {task.fields[accuracy]}"),
            rich.progress.TimeRemainingColumn(elapsed_when_finished=True),
            rich.progress.TextColumn("{task.fields[note]}"),
            console=console,
            disable=not enabled,
            # A batch may take longer than the 30 s it looks back by default.
            speed_estimate_period=math.inf,
        )
        self._current = None
        self._ended = threading.Event()
        self._ticker = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self) -> "Progress":
        self._bars.start()
        if self.counter is not None:
            self._ticker.start()
        return self

    def __exit__(self, *_) -> None:
        self._ended.set()
        if self.counter is not None:
            self._ticker.join()
        self._bars.stop()

    def add(
        self, planned: PlannedAttack, images: int, *, done: int = 0
    ) -> "Bar":
        """Adds the bar of a pass.

        Args:
            planned: What is running.
            images: How many images the pass runs on.
            done: How many of them an earlier run did; they don't count in
                the speed.
        """
        self._current = Bar(self._bars, self.counter, planned, images, done)
        return self._current

    def _tick(self):
        while not self._ended.wait(_TICK):
            if self._current is not None:
                self._current.look()


class Bar:
    """The bar of one pass; made by `Progress.add`."""

    def __init__(self, bars, counter, planned, images, done):
        self._bars = bars
        self._counter = counter
        self._images = images
        self._done = done
        self._batch = 0
        self._began = 0
        self._traced = planned.in_graph
        self._passes = 0  # Of a whole batch; unknown before one is done.
        self._lock = threading.Lock()
        self._task = bars.add_task(
            planned.name,
            total=images,
            completed=done,
            left=images - done,
            accuracy="–",
            note="",
        )
        bars.update(self._task)  # Finishes it at once if nothing is left.

    def begin(self, images: int) -> None:
        """Says that a batch begins."""
        with self._lock:
            self._batch = images
            self._began = self._count()
        self.look()

    def advance(self, accuracy: float) -> None:
        """Says that the batch is done, and the accuracy so far."""
        with self._lock:
            self._done += self._batch
            self._batch = 0
            self._passes = self._count() - self._began
            self._bars.update(
                self._task,
                completed=self._done,
                left=self._images - self._done,
                accuracy=f"{100 * accuracy:.1f} %",
                note="",
            )

    def look(self) -> None:
        """Shows how far the running batch is."""
        with self._lock:
            if not self._batch or self._counter is None:
                return
            passes = self._count() - self._began
            if not passes:
                if self._traced and not self._passes:
                    self._bars.update(self._task, note="tracing")
                return
            fraction = 0.0
            if self._passes:
                fraction = min(_MOST, passes / self._passes)
            self._bars.update(
                self._task,
                completed=self._done + fraction * self._batch,
                note=f"pass {passes}",
            )

    def _count(self):
        return 0 if self._counter is None else self._counter.count


def run_attack(
    attack: Callable,
    model: keras.layers.Layer,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    counter: "PassCounter | None" = None,
) -> ArrayLike:
    """Runs an attack on a batch and counts the model's forward passes.

    Args:
        attack: `(model, images, labels) -> images`.
        model: Maps pixels in [0, 1] to logits of shape `(batch, classes)`.
        images: Float32 pixels in [0, 1], NHWC.
        labels: True classes, integers of shape `(batch,)`.
        counter: Counts the passes of an `Attack`; those of other functions,
            which may look at the model itself, aren't counted. `None` counts
            nothing.

    Returns:
        What the attack returns: pixels of the images' shape. Nothing is
        checked here.

    Raises:
        ValueError: If an `Attack` refuses the model, the images or the labels.
    """
    if counter is None or not PlannedAttack(attack).in_graph:
        return attack(model, images, labels)
    return counter.run(attack, model, images, labels)


class PassCounter:
    """Counts a model's forward passes while the graph of an attack runs."""

    def __init__(self):
        with tf.device("CPU"):
            self._count = tf.Variable(0, dtype="int64", trainable=False)
        self._graphs = {}

    @property
    def count(self) -> int:
        """Forward passes so far."""
        return int(self._count.numpy())

    def run(
        self,
        attack: Callable,
        model: keras.layers.Layer,
        images: np.ndarray,
        labels: np.ndarray,
    ) -> tf.Tensor:
        """Runs an `Attack` on a model whose passes are counted.

        Takes, returns and raises what `run_attack` does. Each attack is
        traced once for each model and image shape.
        """
        attack.check_model(model)
        key = (attack, model, images.shape[1:])
        if key not in self._graphs:
            counted = _Counted(model, self._count)
            self._graphs[key] = tf.function(
                lambda images, labels: attack(counted, images, labels),
                autograph=False,
            ).get_concrete_function(
                tf.TensorSpec((None, *images.shape[1:]), "float32"),
                tf.TensorSpec((None,), "int32"),
            )
        return self._graphs[key](images, np.asarray(labels, "int32"))


class _Counted:
    """A model that counts its forward passes, in a graph too."""

    def __init__(self, model, count):
        self._model = model
        self._count = count

    def __call__(self, images, training=None):
        with tf.control_dependencies([self._count.assign_add(1)]):
            images = tf.identity(images)
        return self._model(images, training=training)

    def __getattr__(self, name):
        return getattr(self._model, name)


@contextlib.contextmanager
def step_progress(
    title: str, *, enabled: bool = True
) -> Iterator[Callable[[int, int], None]]:
    """Draws one bar of the steps and the time left, on standard error.

    Nothing is written unless that is a terminal.

    Args:
        title: What is running.
        enabled: Whether to draw at all.

    Yields:
        What `attacks.rp2` takes as `progress`.
    """
    console = rich.console.Console(stderr=True)
    bar = rich.progress.Progress(
        rich.progress.TextColumn("{task.description}"),
        rich.progress.BarColumn(bar_width=20),
        rich.progress.MofNCompleteColumn(),
        rich.progress.TimeRemainingColumn(elapsed_when_finished=True),
        console=console,
        disable=not (enabled and console.is_terminal),
    )
    with bar:
        task = bar.add_task(title, total=None)
        yield lambda done, steps: bar.update(task, completed=done, total=steps)
