"""Pictures on disk, one folder a class."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf

from zoo.pictures import read_picture

SUFFIXES = (".jpeg", ".jpg", ".png", ".webp")


def class_folders(folder: str | os.PathLike) -> list[str]:
    """Returns the names of the folders in a folder, sorted.

    Hidden ones, whose names begin with a dot, are left out.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If it has no folders.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no such folder: {folder}")
    names = [path.name for path in folder.iterdir() if path.is_dir()]
    names = sorted(name for name in names if not name.startswith("."))
    if not names:
        raise ValueError(
            "Pictures must lie in one folder a class, FOLDER/CLASS/PICTURE. "
            f"Received: no folders in {folder}"
        )
    return names


def load_image_folder(
    folder: str | os.PathLike,
    *,
    image_shape: tuple[int, int, int],
    classes: Sequence[str] | None = None,
    shuffle: bool = False,
    seed: int = 0,
) -> tf.data.Dataset:
    """Loads the pictures of a folder, one at a time.

    Files whose suffix is one of `SUFFIXES`, in either case, are pictures, at
    any depth in their class' folder. They come in the order of the SHA-256
    of their names, so that any number from the front is a fair sample of all
    classes, the same everywhere. `zoo.pictures.read_picture` says how they
    are resized. Keras' `image_dataset_from_directory` and TFDS'
    `ImageFolder` read no WebP or want folders of splits, and neither names
    the file that it cannot read.

    Args:
        folder: Has one folder a class.
        image_shape: `(height, width, channels)`; 1 channel is grey, 3 RGB.
        classes: Names of the model's classes in order. Each folder must be
            one of them, with `_` for `/`; not each must have a folder.
            `None`: the folders, sorted.
        shuffle: Whether to reshuffle at every pass.
        seed: Seed of the shuffling.

    Returns:
        `(image, label)`: uint8 pixels and int64 classes. Reading a file that
        is no picture raises a `tf.errors.InvalidArgumentError` that names it.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If it has no folders or no pictures, one of them is no
            class, or `image_shape` is not three positive numbers.
    """
    pictures = list_pictures(folder, classes)
    return picture_dataset(
        folder, pictures, image_shape, shuffle=shuffle, seed=seed
    )


def list_pictures(
    folder: str | os.PathLike, classes: Sequence[str] | None = None
) -> list[tuple[Path, int]]:
    """Returns the pictures of a folder, in it, each with its class' index.

    They come in the order of the SHA-256 of their names.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If it has no folders or no pictures, or one of them is no
            class.
    """
    folder = Path(folder)
    labels = _labels(folder, classes)
    pictures = [
        (path.relative_to(folder), label)
        for name, label in labels.items()
        for path in (folder / name).rglob("*")
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
    ]
    if not pictures:
        raise ValueError(
            f"A class' folder must hold pictures ({', '.join(SUFFIXES)}). "
            f"Received: none in {folder}"
        )
    return sorted(pictures, key=lambda picture: _digest(picture[0]))


def picture_dataset(
    folder: str | os.PathLike,
    pictures: Sequence[tuple[Path, int]],
    image_shape: tuple[int, int, int],
    *,
    shuffle: bool = False,
    seed: int = 0,
) -> tf.data.Dataset:
    """Reads pictures that `list_pictures` found, one at a time.

    Returns:
        What `load_image_folder` returns.

    Raises:
        ValueError: If `image_shape` is not three positive numbers.
    """
    folder, image_shape = Path(folder), _checked_shape(image_shape)
    files, classes_of = zip(*pictures, strict=True)
    dataset = tf.data.Dataset.from_tensor_slices(
        (
            [os.fsencode(folder / file) for file in files],
            tf.constant(classes_of, "int64"),
        )
    )
    if shuffle:
        dataset = dataset.shuffle(len(files), seed=seed)

    def read(file, label):
        image = tf.numpy_function(
            lambda path: read_picture(os.fsdecode(path), image_shape),
            [file],
            tf.uint8,
        )
        return tf.ensure_shape(image, image_shape), label

    return dataset.map(read, num_parallel_calls=tf.data.AUTOTUNE)


def _checked_shape(image_shape):
    shape = tuple(image_shape or ())
    if len(shape) != 3 or not all(
        isinstance(size, int) and size > 0 for size in shape
    ):
        raise ValueError(
            "`image_shape` must be the (height, width, channels) that "
            f"pictures are resized to. Received: image_shape={image_shape}"
        )
    return shape


def _labels(folder, classes):
    """Returns the class of each folder, by the folder's name."""
    names = class_folders(folder)
    if classes is None:
        classes = names
    labels = {
        str(name).replace("/", "_"): label for label, name in enumerate(classes)
    }
    if len(labels) != len(classes):
        raise ValueError(
            "`classes` must have distinct names. "
            f"Received: classes={list(classes)}"
        )
    unknown = [name for name in names if name not in labels]
    if unknown:
        raise ValueError(
            f"Every folder in {folder} must be named after one of the classes "
            f"{', '.join(labels)}. Received: {', '.join(unknown)}"
        )
    return {name: labels[name] for name in names}


def _digest(file):
    return hashlib.sha256(os.fsencode(file.as_posix())).digest()
