"""The images of the IJCAI-19 Alibaba Adversarial AI Challenge."""

import os
import re
from pathlib import Path

import tensorflow as tf

from zoo.training.datasets.image_folder import find_pictures
from zoo.training.datasets.picture_files import PictureFile
from zoo.training.datasets.picture_files import load_picture_files
from zoo.training.datasets.picture_files import read_table

IMAGE_SHAPE = (299, 299, 3)
CLASSES = tuple(f"{number:05d}" for number in range(110))
"""Names of the classes' folders; the challenge gave them no others."""

TRAIN_FOLDER = "IJCAI_2019_AAAC_train"
DEV_FOLDER = "dev_data"
DEV_TABLE = "dev.csv"
_COLUMNS = ("filename", "trueLabel", "targetedLabel")
_PART = re.compile(r"(train|dev)(?:\[(?:(\d+)%)?:(?:(\d+)%)?\])?")


def load_aaac(
    folder: str | os.PathLike,
    split: str,
    *,
    image_shape: tuple[int, int, int] = IMAGE_SHAPE,
    shuffle: bool = False,
    seed: int = 0,
) -> tf.data.Dataset:
    """Loads the challenge's pictures from its two unpacked archives.

        folder/IJCAI_2019_AAAC_train/00000/*.jpg      to .../00109
        folder/dev_data/*.png and dev_data/dev.csv

    `train` is the first, in which a class is a folder; pictures come in the
    order of `find_pictures`, so that a part such as `train[:50%]` is a fair
    sample: the paper trains on half and validates on a tenth. `dev` is the
    second, in the order of `dev.csv`, whose columns are `filename`,
    `trueLabel` and `targetedLabel`; the true class is the label.

    Folders, columns and file formats are those that several participants'
    code reads (`cloudseasail/IJCAI19_AliAAAC`, which counts 103,350 readable
    pictures of 110 classes in `train`; `ML-Song/Attack`). The archives
    themselves were not at hand. Participants skip damaged pictures of
    `train`; here reading one raises an error that names it.

    Args:
        folder: Has one of the two folders, or both.
        split: `"train"` or `"dev"`, or a part of it between whole percents,
            such as `"train[50%:60%]"`.
        image_shape: `(height, width, channels)`; the challenge's is the
            default.
        shuffle: Whether to reshuffle at every pass.
        seed: Seed of the shuffling.

    Returns:
        `(image, label)`: uint8 pixels and int64 classes, 0 to 109.

    Raises:
        FileNotFoundError: If the split's folder or `dev.csv` is missing.
        ValueError: If the split is unknown or empty, a folder or a label is
            no class, or `dev.csv` has other columns.

    Reference: IRM, section III; the challenge's page,
        https://tianchi.aliyun.com/competition/entrance/231701.
    """
    match = _PART.fullmatch(split)
    if match is None:
        raise ValueError(
            "aaac has the splits 'train' and 'dev', and parts of them such as "
            f"'train[:50%]'. Received: split={split!r}"
        )
    name, start, stop = match.groups()
    if name == "train":
        folder = Path(folder) / TRAIN_FOLDER
        pictures = find_pictures(folder, CLASSES)
    else:
        folder = Path(folder) / DEV_FOLDER
        pictures = _listed(folder / DEV_TABLE)
    low, high = (
        len(pictures) * min(int(percent), 100) // 100
        for percent in (start or 0, stop or 100)
    )
    if low >= high:
        raise ValueError(
            f"A split must have pictures. Received: split={split!r} of "
            f"{len(pictures)} pictures in {folder}"
        )
    return load_picture_files(
        folder, pictures[low:high], image_shape, shuffle=shuffle, seed=seed
    )


def _listed(path):
    """Returns the files of the development set and their true classes."""
    return [
        PictureFile(Path(row["filename"]), _label(row["trueLabel"], path))
        for row in read_table(path, _COLUMNS)
    ]


def _label(text, path):
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) >= len(CLASSES):
        raise ValueError(
            f"Labels in {path} must be classes, 0 to {len(CLASSES) - 1}. "
            f"Received: trueLabel={text!r:.80}"
        )
    return int(text)
