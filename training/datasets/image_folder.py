"""Pictures on disk, one folder a class."""

import os
from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf

from zoo.training.datasets.picture_files import PictureFile
from zoo.training.datasets.picture_files import fair_order
from zoo.training.datasets.picture_files import load_picture_files

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
    pictures = find_pictures(folder, classes)
    return load_picture_files(
        folder, pictures, image_shape, shuffle=shuffle, seed=seed
    )


def find_pictures(
    folder: str | os.PathLike, classes: Sequence[str] | None = None
) -> list[PictureFile]:
    """Finds the pictures of a folder, and their classes.

    Args:
        folder: As of `load_image_folder`.
        classes: Likewise.

    Returns:
        One picture or more, in their fair order.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If it has no folders or no pictures, or one of them is no
            class.
    """
    folder = Path(folder)
    pictures = [
        PictureFile(path.relative_to(folder), label)
        for name, label in _labels(folder, classes).items()
        for path in (folder / name).rglob("*")
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
    ]
    if not pictures:
        raise ValueError(
            f"A class' folder must hold pictures ({', '.join(SUFFIXES)}). "
            f"Received: none in {folder}"
        )
    return fair_order(pictures)


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
