"""Pictures on disk, one folder a class."""

import hashlib
import os
import unicodedata
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from zoo.class_names import as_class_names
from zoo.pictures import is_hidden
from zoo.regular_files import check_regular
from zoo.training.datasets.picture_files import PictureFile
from zoo.training.datasets.picture_files import fair_order
from zoo.training.datasets.picture_files import load_picture_files
from zoo.training.datasets.picture_files import to_pixels

if TYPE_CHECKING:
    import tensorflow as tf

SUFFIXES = (".jpeg", ".jpg", ".png", ".webp")


def class_folders(folder: str | os.PathLike) -> list[str]:
    """Returns the names of the folders in a folder, sorted.

    Left out are hidden ones, whose names begin with a dot, and those that
    systems leave behind, such as `__MACOSX`. Names come in Unicode's composed
    form (NFC), whichever the disk has.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If it has no folders, two of the same name, or one whose
            name has a control character.
    """
    return sorted(_class_paths(folder))


def load_image_folder(
    folder: str | os.PathLike,
    *,
    image_shape: tuple[int, int, int],
    classes: Sequence[str] | None = None,
    shuffle: bool = False,
    seed: int = 0,
) -> "tf.data.Dataset":
    """Loads the pictures of a folder, one at a time.

    Files whose suffix is one of `SUFFIXES`, in either case, are pictures, at
    any depth in their class' folder, also in linked folders, but those that
    hold other classes. Hidden files and folders are left out, and those that
    systems leave behind. Pictures come
    in the order of the SHA-256 of their names, so that any number from the
    front is a fair sample of all classes, the same everywhere.
    `zoo.pictures.read_picture` says how they are resized.

    Keras' `image_dataset_from_directory` reads no WebP, and TFDS'
    `ImageFolder` wants folders of splits; neither names the file that it
    cannot read.

    Args:
        folder: Has one folder a class.
        image_shape: `(height, width, channels)`; 1 channel is grey, 3 RGB.
        classes: Names of the model's classes in order. Each folder must be
            one of them, with `_` for `/`, composed or decomposed in Unicode.
            A class may lack a folder. `None`: the folders, sorted.
        shuffle: Whether to reshuffle at every pass.
        seed: Seed of the shuffling.

    Returns:
        `(image, label)`: uint8 pixels and int64 classes. A file that is no
        picture raises a `tf.errors.InvalidArgumentError` when it is read; the
        message names it.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If it has no folders or no pictures, one of them is no
            class, or `image_shape` is not three positive numbers.
    """
    pictures = find_pictures(folder, classes)
    return load_picture_files(
        folder, pictures, image_shape, shuffle=shuffle, seed=seed
    )


def split_folder(
    folder: str | os.PathLike,
    *,
    image_shape: tuple[int, int, int],
    classes: Sequence[str],
    held_out: float | str | os.PathLike = 0.2,
    seed: int = 0,
) -> "tuple[tf.data.Dataset, tf.data.Dataset]":
    """Splits a folder of pictures, the same share of each class.

    Pictures are found and read as by `datasets.load`. A `UserWarning` says
    if files on both sides have the same bytes, whatever their names: the
    accuracy on those held out is then too high.

    Args:
        folder: Has one folder a class.
        image_shape: `(height, width, channels)` that pictures are resized to.
        classes: Names of the model's classes in order.
        held_out: Share of each class to hold out, in (0, 1); at least one
            picture of a class is held out, and one is kept. Or another
            folder of pictures to hold out; then all of the first are for
            training.
        seed: Seed of the choice and of the shuffling.

    Returns:
        The training images, reshuffled at every pass, and those held out,
        in a fixed order: single examples `(image, label)`, float32 pixels in
        [0, 1] and int64 classes.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If there are fewer than two classes, one of them has too
            few pictures, a folder is no class, or the share is out of range.
    """
    pictures, kept = split_pictures(folder, classes, held_out, seed)
    kept_in = folder if isinstance(held_out, int | float) else held_out
    _warn_of_copies(folder, pictures, kept_in, kept)
    return (
        to_pixels(
            load_picture_files(
                folder, pictures, image_shape, shuffle=True, seed=seed
            )
        ),
        to_pixels(load_picture_files(kept_in, kept, image_shape)),
    )


def split_pictures(
    folder: str | os.PathLike,
    classes: Sequence[str],
    held_out: float | str | os.PathLike,
    seed: int,
) -> tuple[list[PictureFile], list[PictureFile]]:
    """Finds the pictures that `split_folder` loads, without loading them.

    Args:
        folder: As of `split_folder`, like the others.
        classes: Names of the model's classes in order.
        held_out: Share of each class to hold out, or another folder.
        seed: Of which are held out.

    Returns:
        The pictures to train on and those held out.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: As of `split_folder`.
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
        return pictures, find_pictures(held_out, classes)
    return _split(pictures, held_out, seed)


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
    paths = _class_paths(folder)
    pictures = [
        PictureFile(path.relative_to(folder), label)
        for name, label in _labels(folder, sorted(paths), classes).items()
        for path in _files(paths[name])
        if path.suffix.lower() in SUFFIXES
    ]
    if not pictures:
        raise ValueError(
            f"A class' folder must hold pictures ({', '.join(SUFFIXES)}). "
            f"Received: none in {folder}"
        )
    return fair_order(pictures)


def _class_paths(folder):
    """Returns the folders in a folder, by their composed names."""
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no such folder: {folder}")
    paths = {}
    for path in folder.iterdir():
        if path.is_dir() and not is_hidden(path.name):
            name = _composed(path.name)
            if name in paths:
                raise ValueError(
                    "The folders of two classes must have names that differ "
                    f"by more than Unicode's form. Received: {name!r} twice "
                    f"in {folder}"
                )
            paths[name] = path
    if not paths:
        raise ValueError(
            "Pictures must lie in one folder a class, FOLDER/CLASS/PICTURE. "
            f"Received: no folders in {folder}"
        )
    as_class_names(paths)
    return paths


def _files(root):
    """Yields the files in a class' folder at any depth, also in linked folders.

    A folder is entered once, however many links lead to it.
    """
    own, whole = root.resolve(), root.parent.resolve()
    seen, pending = set(), [root]
    while pending:
        folder = pending.pop()
        real = folder.resolve()
        if real in seen:
            continue
        seen.add(real)
        inside = real.is_relative_to(own)
        if not inside and (
            own.is_relative_to(real) or real.is_relative_to(whole)
        ):
            raise ValueError(
                "A link must not make other classes' pictures a class' own. "
                f"Received: {folder}, a link to {real}"
            )
        for path in folder.iterdir():
            if is_hidden(path.name):
                continue
            if path.is_dir():
                pending.append(path)
            else:
                yield path


def _composed(name):
    return unicodedata.normalize("NFC", name)


def _labels(folder, names, classes):
    """Returns the class of each folder, by the folder's name."""
    if classes is None:
        classes = names
    labels = {
        _composed(str(name).replace("/", "_")): label
        for label, name in enumerate(classes)
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


def _warn_of_copies(folder, pictures, kept_in, kept) -> None:
    """Warns of held-out files that are among those to train on."""
    places = [
        [Path(place) / picture.path for picture in part]
        for place, part in ((folder, pictures), (kept_in, kept))
    ]
    sizes = [[os.path.getsize(path) for path in part] for part in places]
    both = set(sizes[0]) & set(sizes[1])
    # Files of different sizes differ, so few need to be read.
    known, held_out = (
        {
            _digest(path): path
            for path, size in zip(part, own, strict=True)
            if size in both
        }
        for part, own in zip(places, sizes, strict=True)
    )
    copies = sorted(known.keys() & held_out.keys())
    if copies:
        warnings.warn(
            f"{len(copies)} of the pictures held out are also among those to "
            "train on, so that the accuracy on the pictures held out is too "
            f"high: {held_out[copies[0]]} is {known[copies[0]]}.",
            stacklevel=3,
        )


def _digest(path):
    check_regular(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
