"""Models and data sets named on the command line."""

import argparse
import contextlib
import importlib
from pathlib import Path

import zoo

SAMPLE = "fashion_mnist_sample"


def add_model_argument(parser: argparse.ArgumentParser) -> None:
    """Adds the model, a preset's name or a `.keras` file."""
    parser.add_argument(
        "model", metavar="NAME", help="preset (see `zoo list`) or .keras file"
    )


def add_data_arguments(parser: argparse.ArgumentParser, limit: int) -> None:
    """Adds `--data`, `--split` and `--limit`."""
    parser.add_argument(
        "--data",
        metavar="SET",
        default=SAMPLE,
        help="TFDS name, or %(default)s (the default): the packaged images",
    )
    parser.add_argument(
        "--split", default="test", help="TFDS split (default: %(default)s)"
    )
    parser.add_argument(
        "--limit",
        type=int,
        default=limit,
        metavar="N",
        help="images to take from the front (default: %(default)s)",
    )


def load_model(name: str, *, policy: str | None = None):
    """Loads a preset by name, or a `.keras` file by its path.

    Args:
        name: Name or path.
        policy: Dtype policy to build a preset in; `None` for Keras' own.

    Raises:
        ValueError: If there is no such preset or policy, or the file is no
            model.
        FileNotFoundError: If there is no such file.
    """
    if not name.endswith(".keras"):
        with _dtype_policy(policy):
            return zoo.load(name)
    if not Path(name).is_file():
        raise FileNotFoundError(f"There is no such file: {name}")
    import keras

    importlib.import_module("zoo.layers")  # Registers what a file may hold.
    return keras.saving.load_model(name, compile=False)


@contextlib.contextmanager
def _dtype_policy(policy: str | None):
    import keras

    before = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy(policy or before)
        yield
    finally:
        keras.config.set_dtype_policy(before)


def class_names(name: str, count: int) -> list[str]:
    """Names of a preset's classes; numbers for other models."""
    classes = () if name.endswith(".keras") else zoo.info(name).classes
    return list(classes) or [str(index) for index in range(count)]


def load_images(options: argparse.Namespace):
    """Loads the images and labels the data arguments name, as arrays.

    Raises:
        ValueError: If the limit is not positive, or there is no such set.
        ConnectionError: If the set cannot be downloaded.
    """
    import numpy as np

    from training import datasets

    if options.limit < 1:
        raise ValueError(
            f"--limit must be positive. Received: --limit={options.limit}"
        )
    dataset = datasets.load(options.data, options.split).take(options.limit)
    images, labels = zip(*dataset.as_numpy_iterator(), strict=True)
    return np.stack(images), np.stack(labels)
