"""A run's state after each epoch, from which a killed run goes on."""

import contextlib
import os
import shutil
from pathlib import Path

import keras

_KEPT = 2


class Backup(keras.callbacks.Callback):
    """Saves a run after each epoch, so that a killed one goes on.

        backup = Backup(folder)
        done = backup.restore(trainer)
        trainer.fit(..., initial_epoch=done, callbacks=[backup])
        ...  # Write what was trained.
        backup.delete()

    An epoch's file appears whole or not at all, and the one before is kept in
    case the disk damages it. `keras.callbacks.BackupAndRestore` overwrites
    its file in place, so that a kill while it writes loses the run, and
    deletes it before the caller can write what was trained.

    Args:
        folder: Where to; holds nothing else.
    """

    def __init__(self, folder: str | os.PathLike):
        super().__init__()
        self._folder = Path(folder)

    def restore(self, model: keras.Model) -> int:
        """Loads the last epoch that can be read.

        Args:
            model: The compiled model, or trainer, that was fitted.

        Returns:
            The number of epochs done; 0, and the model as it was, if there
            is none to read.
        """
        if not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)
        for path in reversed(self._files()):
            with contextlib.suppress(OSError):
                model.load_weights(path)
                return _epochs(path)
        return 0

    def on_epoch_end(self, epoch, logs=None):
        self._folder.mkdir(parents=True, exist_ok=True)
        unfinished = self._folder / "unfinished.weights.h5"
        self.model.save_weights(unfinished)
        os.replace(unfinished, self._folder / f"{epoch + 1}.weights.h5")
        for path in self._files()[:-_KEPT]:
            path.unlink()

    def delete(self) -> None:
        """Removes the folder, if there is one."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob("[0-9]*.weights.h5"), key=_epochs)


def _epochs(path: Path) -> int:
    return int(path.name.split(".")[0])
