"""LISA's frames and annotations on disk."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf

from zoo.training.datasets.lisa_classes import LISA_CLASSES
from zoo.training.datasets.picture_files import PictureFile
from zoo.training.datasets.picture_files import fair_order
from zoo.training.datasets.picture_files import load_picture_files
from zoo.training.datasets.picture_files import read_table

ANNOTATIONS = "allAnnotations.csv"
SPLITS = {"train": (0, 70), "validation": (70, 80), "test": (80, 100)}
"""Percentages of the tracks, from and to."""

_CORNERS = (
    "Upper left corner X",
    "Upper left corner Y",
    "Lower right corner X",
    "Lower right corner Y",
)
_COLUMNS = ("Filename", "Annotation tag", *_CORNERS, "Origin track")


def load_lisa(
    folder: str | os.PathLike,
    split: str,
    *,
    image_shape: tuple[int, int, int] = (32, 32, 3),
    classes: Sequence[str] = LISA_CLASSES,
    shuffle: bool = False,
    seed: int = 0,
) -> tf.data.Dataset:
    """Loads the annotated signs of LISA, cut out of their frames.

    LISA has no splits of its own. Here each track, one sign that a car drives
    by, belongs to one split, by the SHA-256 of its name.

    Args:
        folder: The unpacked archive: has `allAnnotations.csv`.
        split: "train", "validation" or "test": 70, 10 and 20 % of the tracks.
        image_shape: `(height, width, channels)` that the signs are resized
            to, whatever their proportions.
        classes: Annotation tags in the order of the labels. Signs of other
            tags are left out. The default's labels are 0 to 16, so that a
            model of them has 17 logits, as `zoo.models.lisa_cnn` of
            `num_classes=17`, not the 18 of the authors' network
            (`LISA_CLASSES` says why).
        shuffle: Whether to reshuffle at every pass.
        seed: Seed of the shuffling.

    Returns:
        What `load_picture_files` does.

    Raises:
        FileNotFoundError: If the folder has no annotations.
        ValueError: If there is no such split, the annotations lack a column,
            have something else than numbers for a box, or none of the split's
            signs is of the classes.

    Reference: Møgelmose, Trivedi & Moeslund, Vision-Based Traffic Sign
    Detection and Analysis for Intelligent Driver Assistance Systems, 2012.
    """
    folder = Path(folder)
    if split not in SPLITS:
        raise ValueError(
            f"LISA's splits are {', '.join(SPLITS)}. Received: split={split!r}"
        )
    labels = {name: label for label, name in enumerate(classes)}
    low, high = SPLITS[split]
    pictures = [
        PictureFile(
            Path(row["Filename"]), labels[row["Annotation tag"]], _box(row)
        )
        for row in read_table(folder / ANNOTATIONS, _COLUMNS, delimiter=";")
        if row["Annotation tag"] in labels
        and low <= _percentile(row["Origin track"]) < high
    ]
    if not pictures:
        raise ValueError(
            f"The {split} split of {folder / ANNOTATIONS} must have a sign of "
            f"the classes. Received: classes={list(classes)}"
        )
    return load_picture_files(
        folder, fair_order(pictures), image_shape, shuffle=shuffle, seed=seed
    )


def _box(row):
    try:
        return tuple(int(row[name]) for name in _CORNERS)
    except ValueError as error:
        raise ValueError(
            f"The corners of a box must be whole numbers. Received: {row}"
        ) from error


def _percentile(track):
    digest = hashlib.sha256(track.encode()).digest()
    return int.from_bytes(digest[:8], "big") % 100
