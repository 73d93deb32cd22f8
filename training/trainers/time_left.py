"""An early estimate of how long a training will take."""

import sys
import time

import keras

_WARM_UP = 3
_MEASURED = 20
"""Steps that are not counted, and the step of the estimate."""


class TimeLeft(keras.callbacks.Callback):
    """Estimates once, on standard error, the time that a `fit` has left.

    The estimate comes after the twentieth step or the first epoch, whichever
    is earlier. The first few steps, which trace the graph, don't count.

    Args:
        title: Name of what is trained.
    """

    def __init__(self, title: str):
        super().__init__()
        self._title = title
        self._epoch = 0
        self._steps = 0
        self._start = None
        self._said = False

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        self._steps += 1
        if self._steps == _WARM_UP:
            self._start = time.monotonic()
        elif self._steps == _MEASURED:
            self._say(batch)

    def on_epoch_end(self, epoch, logs=None):
        if self._steps > _WARM_UP:
            self._say(self.params["steps"] - 1)

    def _say(self, batch):
        if self._said:
            return
        self._said = True
        seconds = time.monotonic() - self._start
        pace = seconds / (self._steps - _WARM_UP)
        epochs = self.params["epochs"] - self._epoch
        left = epochs * self.params["steps"] - batch - 1
        print(
            f"{self._title}: about {left * pace / 60:.1f} minutes left",
            file=sys.stderr,
        )
