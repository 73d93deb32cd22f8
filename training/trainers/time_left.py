"""How long a training will take, said early."""

import sys
import time

import keras

_WARM_UP = 3
_MEASURED = 20


class TimeLeft(keras.callbacks.Callback):
    """Estimates once, on standard error, the time that a `fit` has left.

    From the steps after the first few, which trace the graph, to its
    twentieth or the end of its first epoch.

    Args:
        title: What is trained.
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
