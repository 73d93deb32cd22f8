"""GTSRB, the German signs, on disk."""

import os
import re
from pathlib import Path

import tensorflow as tf

from zoo.training.datasets.picture_files import PictureFile
from zoo.training.datasets.picture_files import fair_order
from zoo.training.datasets.picture_files import load_picture_files
from zoo.training.datasets.picture_files import read_table

SPLITS = ("train", "test")

_TEST_ANNOTATIONS = "GT-final_test.csv"
_COLUMNS = ("Filename", "ClassId")
_CLASSES = 43


def load_gtsrb(
    folder: str | os.PathLike,
    split: str,
    *,
    image_shape: tuple[int, int, int] = (32, 32, 3),
    shuffle: bool = False,
    seed: int = 0,
) -> tf.data.Dataset:
    """Loads the pictures of GTSRB, 43 classes of signs with their surround.

    Args:
        folder: Where the archives were unpacked. Below it, or below its
            `GTSRB`, are `Final_Training/Images/00000/GT-00000.csv` and so on,
            and `Final_Test/Images`; the labels of the test pictures,
            `GT-final_test.csv`, are there, beside or above.
        split: "train" or "test".
        image_shape: `(height, width, channels)` that the pictures are resized
            to, whatever their proportions.
        shuffle: Whether to reshuffle at every pass.
        seed: Seed of the shuffling.

    Returns:
        What `load_picture_files` does.

    Raises:
        FileNotFoundError: If the folder has no such files.
        ValueError: If there is no such split, or the annotations name no
            picture, lack a column or name an unknown class.

    Reference: Stallkamp et al., Man vs. computer, 2012.
    """
    folder = Path(folder)
    if split not in SPLITS:
        raise ValueError(
            f"GTSRB's splits are {', '.join(SPLITS)}. Received: split={split!r}"
        )
    annotations = _training(folder) if split == "train" else _test(folder)
    pictures = [
        PictureFile(images.relative_to(folder) / name, label)
        for images, file in annotations
        for name, label in _rows(file)
    ]
    if not pictures:
        raise ValueError(
            f"GTSRB's annotations must list pictures. Received: {folder}"
        )
    return load_picture_files(
        folder, fair_order(pictures), image_shape, shuffle=shuffle, seed=seed
    )


def _training(folder):
    """Returns the classes' folders with their annotations."""
    for root in (folder, folder / "GTSRB"):
        images = root / "Final_Training" / "Images"
        found = sorted(images.glob("?????/GT-?????.csv"))
        if found:
            return [(file.parent, file) for file in found]
    raise FileNotFoundError(
        "GTSRB's unpacked training archive has "
        f"Final_Training/Images/00000/GT-00000.csv; there is none in {folder}"
    )


def _test(folder):
    """Returns the test pictures' folder with their annotations."""
    for root in (folder, folder / "GTSRB"):
        images = root / "Final_Test" / "Images"
        for place in (images, images.parent, root, folder):
            if images.is_dir() and (place / _TEST_ANNOTATIONS).is_file():
                return [(images, place / _TEST_ANNOTATIONS)]
    raise FileNotFoundError(
        "GTSRB's unpacked test archives have Final_Test/Images and "
        f"{_TEST_ANNOTATIONS}; they are not both in {folder}"
    )


def _rows(path):
    """Returns the names of pictures and their classes."""
    return [
        (row["Filename"], _label(row, path))
        for row in read_table(path, _COLUMNS, delimiter=";")
    ]


def _label(row, path):
    text = row["ClassId"]
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) >= _CLASSES:
        raise ValueError(
            f"Classes of GTSRB are 0 to {_CLASSES - 1}. "
            f"Received: ClassId={text!r:.80} of {row['Filename']} in {path}"
        )
    return int(text)
