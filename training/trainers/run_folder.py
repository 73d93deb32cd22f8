"""The folder of a training: its checkpoints, configuration and data."""

import contextlib
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import tensorflow as tf

from zoo.atomic_write import atomic_write
from zoo.regular_files import read_json
from zoo.validation import check_images
from zoo.validation import check_labels
from zoo.weights.digests import arrays_digest

_EPOCHS = re.compile(r"([0-9]{1,9})\.weights\.h5")
_KEPT = 2
"""Checkpoints, in case the disk damages the newest."""

_STATE = "training_state"
"""Group of a weights file that a plain model doesn't read."""


class Backup(keras.callbacks.Callback):
    """Saves a run after each epoch, so that an interrupted one continues.

        backup = Backup(folder)
        done = backup.restore(trainer)
        trainer.fit(..., initial_epoch=done, callbacks=[backup])
        ...  # Write what was trained.
        backup.delete()

    An epoch's file appears whole or not at all, and the previous one is kept.
    `keras.callbacks.BackupAndRestore` overwrites its file in place, so a kill
    during the write loses the run. It also deletes the file before the caller
    can write what was trained.

    Args:
        folder: Folder for the checkpoints alone.
    """

    def __init__(self, folder: str | os.PathLike):
        super().__init__()
        self._folder = Path(folder)

    def restore(self, model: keras.Model) -> int:
        """Loads the last checkpoint that can be read.

        Args:
            model: The compiled model or trainer. If no checkpoint can be
                read, it stays as it is.

        Returns:
            The number of finished epochs.
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
        found = self._folder.glob("*.weights.h5")
        return sorted(
            (p for p in found if _EPOCHS.fullmatch(p.name) and p.is_file()),
            key=_epochs,
        )


def add_state(
    path: str | os.PathLike, state: Mapping[str, Sequence[keras.Variable]]
) -> None:
    """Adds variables to a file of a model's weights.

    The model itself still loads the file, and doesn't see them.

    Args:
        path: A `.weights.h5` file.
        state: Variables by group.
    """
    with h5py.File(path, "a") as file:
        for name, variables in state.items():
            group = file.create_group(f"{_STATE}/{name}")
            for index, variable in enumerate(variables):
                value = keras.ops.convert_to_numpy(variable)
                if value.dtype.name == "bfloat16":  # HDF5 doesn't have it.
                    value = value.astype("float32")
                group[str(index)] = value


def read_state(path: str | os.PathLike) -> dict[str, dict[str, np.ndarray]]:
    """Returns what `add_state` added, by group and index.

    Returns:
        The values; an empty dictionary for other files.

    Raises:
        OSError: If a `.weights.h5` file cannot be read.
    """
    if not os.fspath(path).endswith(".weights.h5"):
        return {}
    with h5py.File(path) as file:
        return {
            name: {index: value[()] for index, value in group.items()}
            for name, group in file.get(_STATE, {}).items()
        }


def is_weights_of(path: str | os.PathLike, name: str) -> bool:
    """Returns whether a `.weights.h5` file was written by a model of a name.

    Raises:
        OSError: If the file cannot be read.
    """
    if not os.fspath(path).endswith(".weights.h5"):
        return False
    with h5py.File(path) as file:
        return "vars" in file and file["vars"].attrs.get("name") == name


@contextlib.contextmanager
def hint_if_interrupted(folder: str | os.PathLike) -> Iterator[None]:
    """Adds to an interruption how the training continues after it.

    Args:
        folder: Where the training keeps its checkpoints.
    """
    try:
        yield
    except KeyboardInterrupt as interrupt:
        interrupt.add_note(
            "The training was interrupted. The same call goes on after the "
            f"last finished epoch, from {os.fspath(folder)}."
        )
        raise


def check_same_config(path: Path, config: Mapping[str, Any]) -> None:
    """Writes a run's configuration to a file, or compares it with the file.

    Args:
        path: JSON file in the run's folder. It is made if missing.
        config: What the run depends on, as values that JSON can hold.

    Raises:
        ValueError: If the file holds another configuration.
    """
    config = json.loads(json.dumps(config))
    if not path.exists():
        with atomic_write(path) as temporary:
            temporary.write_text(json.dumps(config, indent=2) + "\n")
        return
    written = read_json(path, dict)
    changed = [key for key in config if config[key] != written.get(key)]
    if changed:
        raise ValueError(
            f"{path.parent} holds a run with another configuration; choose "
            f"another folder. Received: other {', '.join(changed)}"
        )


def data_digest(
    images: tf.data.Dataset,
    input_shape: Sequence[int | None] | None = None,
    num_classes: int | None = None,
) -> str:
    """Returns the SHA-256 of single examples, whatever their order.

    Reads the data once.

    Args:
        images: `(image, label)`, the image of shape
            `(height, width, channels)`.
        input_shape: The model's, as for `check_images`.
        num_classes: The model's, as for `check_labels`.

    Raises:
        ValueError: If an image is not of floating-point pixels in [0, 1] or
            has another shape, or a label is no class.
    """
    digests = []
    for example in images.as_numpy_iterator():
        check_images(example[0][None], input_shape)
        check_labels(np.asarray(example[1])[None], 1, num_classes)
        digests.append(arrays_digest(example))
    return hashlib.sha256("".join(sorted(digests)).encode()).hexdigest()


def _epochs(path: Path) -> int:
    return int(_EPOCHS.fullmatch(path.name)[1])
