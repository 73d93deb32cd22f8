"""A folder of pictures as images to train on and images held out."""

import os
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from zoo.training.datasets.image_folder import find_pictures
from zoo.training.datasets.picture_files import PictureFile
from zoo.training.datasets.picture_files import load_picture_files
from zoo.training.datasets.pixels import to_pixels


def split_folder(
    folder: str | os.PathLike,
    *,
    image_shape: tuple[int, int, int],
    classes: Sequence[str],
    held_out: float | str | os.PathLike = 0.2,
    seed: int = 0,
) -> tuple[tf.data.Dataset, tf.data.Dataset]:
    """Splits a folder of pictures, the same share of each class.

    Pictures are found and read as by `datasets.load`.

    Args:
        folder: Has one folder a class.
        image_shape: `(height, width, channels)` that pictures are resized to.
        classes: Names of the model's classes in order.
        held_out: Share of each class to hold out, in (0, 1), of which at
            least one picture is held out and one is not; or a folder like
            the first that holds other pictures, and then all of the first
            are for training.
        seed: Of which are held out, and of the shuffling.

    Returns:
        The training images, reshuffled at every pass, and those held out,
        in a fixed order: single examples `(image, label)`, float32 pixels in
        [0, 1] and int64 classes.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If there are fewer than two classes, one of them has too
            few pictures, a folder is no class, or the share is out of range.
    """
    if len(classes) < 2:
        raise ValueError(
            "There must be two classes or more, one folder each. Received: "
            f"{', '.join(map(str, classes)) or 'none'} in {folder}"
        )
    pictures = find_pictures(folder, classes)
    other = not isinstance(held_out, int | float)
    _check_counts(pictures, classes, folder, least=1 if other else 2)
    if other:
        kept = find_pictures(held_out, classes)
        kept_in = held_out
    else:
        pictures, kept = _split(pictures, held_out, seed)
        kept_in = folder
    return (
        to_pixels(
            load_picture_files(
                folder, pictures, image_shape, shuffle=True, seed=seed
            )
        ),
        to_pixels(load_picture_files(kept_in, kept, image_shape)),
    )


def _check_counts(pictures, classes, folder, *, least: int) -> None:
    counts = np.bincount(
        [picture.label for picture in pictures], minlength=len(classes)
    )
    few = [
        f"{count} of {name}"
        for name, count in zip(classes, counts, strict=True)
        if count < least
    ]
    if few:
        raise ValueError(
            f"Each class must have {least} or more pictures. "
            f"Received: {', '.join(few)} in {folder}"
        )


def _split(
    pictures: list[PictureFile], share: float, seed: int
) -> tuple[list[PictureFile], list[PictureFile]]:
    if not 0 < share < 1:
        raise ValueError(
            f"held_out must be a share in (0, 1). Received: held_out={share}"
        )
    rng = np.random.default_rng(seed)
    chosen = set()
    labels = np.array([picture.label for picture in pictures])
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        count = min(max(round(share * len(own)), 1), len(own) - 1)
        chosen.update(rng.permutation(own)[:count].tolist())
    parts = [], []
    for index, picture in enumerate(pictures):
        parts[index in chosen].append(picture)
    return parts
