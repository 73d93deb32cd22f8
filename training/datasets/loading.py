"""Data sets as `tf.data` pipelines of pixels and labels."""

import os
from pathlib import Path

import tensorflow as tf

from training.datasets.packaged import PACKAGED
from training.datasets.packaged import load_packaged

_SHUFFLE_BUFFER = 60_000


def load(
    name: str,
    split: str = "test",
    *,
    batch_size: int | None = None,
    shuffle: bool = False,
    seed: int = 0,
    data_dir: str | os.PathLike | None = None,
) -> tf.data.Dataset:
    """Loads an image classification set.

    The name is one of TensorFlow Datasets, prepared on first use, or
    `"fashion_mnist_sample"`, the 512 test images inside the package, which
    needs neither TFDS nor a network. Without a network,
    `python -m training.datasets.offline_fashion_mnist` prepares Fashion-MNIST
    from files on disk.

    Args:
        name: For example `"fashion_mnist"` or `"cifar10"`.
        split: A TFDS split, such as `"train[:55000]"` or `"test"`.
        batch_size: Images in a batch; `None` yields single images.
        shuffle: Whether to reshuffle at every pass.
        seed: Seed of the shuffling.
        data_dir: Where TFDS keeps its data; `None` for its default.

    Returns:
        `(images, labels)`: float32 pixels in [0, 1],
        `([batch,] height, width, channels)`, and int64 classes.

    Raises:
        ImportError: If TFDS is not installed.
        ValueError: If there is no such set or split, or it is not made of
            images with one label.
        ConnectionError: If the set has to be downloaded and cannot be.
    """
    if name in PACKAGED:
        if split != "test":
            raise ValueError(
                f"{name} has the split 'test' alone. Received: split={split!r}"
            )
        dataset = load_packaged(name)
    else:
        dataset = _load_tfds(name, split, data_dir)
    if shuffle:
        buffer = min(len(dataset), _SHUFFLE_BUFFER)
        dataset = dataset.cache().shuffle(buffer, seed=seed)
    if batch_size is not None:
        dataset = dataset.batch(batch_size)
    return dataset.map(
        lambda image, label: (tf.cast(image, tf.float32) / 255.0, label),
        num_parallel_calls=tf.data.AUTOTUNE,
    ).prefetch(tf.data.AUTOTUNE)


def _load_tfds(name: str, split: str, data_dir) -> tf.data.Dataset:
    try:
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise ImportError(
            f"{name} comes from TensorFlow Datasets: "
            'pip install "defense-zoo[train]"'
        ) from error

    try:
        builder = tfds.builder(name, data_dir=data_dir)
    except tfds.core.registered.DatasetNotFoundError as error:
        raise ValueError(
            f"Neither TFDS nor the package ({', '.join(PACKAGED)}) has this "
            f"set. Received: name={name!r}"
        ) from error
    if not Path(builder.data_dir).exists():
        _prepare(builder)
    if builder.info.supervised_keys != ("image", "label"):
        raise ValueError(
            "A set must be made of images with one label. Received: "
            f"name={name!r}, made of {builder.info.supervised_keys}"
        )
    return builder.as_dataset(split=split, as_supervised=True)


def _prepare(builder) -> None:
    try:
        builder.download_and_prepare()
    except Exception as error:
        hint = (
            " Without a network: "
            "python -m training.datasets.offline_fashion_mnist"
            if builder.name == "fashion_mnist"
            else ""
        )
        raise ConnectionError(
            f"{builder.name} is not in {builder.data_dir} and could not be "
            f"prepared ({type(error).__name__}).{hint}"
        ) from error
