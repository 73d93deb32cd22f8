"""Data sets as `tf.data` pipelines of pixels and labels."""

import contextlib
import importlib
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf

from zoo.training.datasets.image_folder import load_image_folder
from zoo.training.datasets.packaged import load_packaged
from zoo.training.datasets.picture_files import resize_images
from zoo.training.datasets.picture_files import to_pixels
from zoo.training.datasets.registry import BUILDERS
from zoo.training.datasets.registry import ON_DISK
from zoo.training.datasets.registry import PACKAGED
from zoo.training.datasets.registry import check_data_dir
from zoo.training.datasets.registry import check_known
from zoo.training.datasets.registry import check_split
from zoo.training.datasets.registry import is_folder

_SHUFFLE_BYTES = 2**28
"""Of the images to choose from; CIFAR-10's are a bit more than half of it."""


def load(
    name: str | os.PathLike,
    split: str = "test",
    *,
    batch_size: int | None = None,
    shuffle: bool = False,
    seed: int = 0,
    data_dir: str | os.PathLike | None = None,
    image_shape: tuple[int, int, int] | None = None,
    classes: Sequence[str] | None = None,
) -> tf.data.Dataset:
    """Loads an image classification set.

    The name is one of TensorFlow Datasets, prepared on first use, or one of
    the samples inside the package, which need neither TFDS nor a network:
    `"fashion_mnist_sample"`, 512 test images, `"rendered_signs_sample"`, 255,
    and `"rendered_objects_sample"`, 80. Without a network,
    `python -m zoo.training.datasets.fashion_mnist` prepares Fashion-MNIST
    from files on disk. `"rendered_objects"`, `"rendered_signs/crops32"` and
    `"rendered_signs/scenes128"` need none: they are rendered by code, only
    the split that is asked for. `"composed_photos/objects"` and
    `"composed_photos/kinds"` are composed likewise, of photographs that
    Debian packages: `zoo.training.datasets.composed_photos` says which.

    `"aaac"` (the IJCAI-19 Alibaba Adversarial AI Challenge), `"gtsrb"` and
    `"lisa"` are read from the folder of their unpacked archives, `data_dir`,
    as `load_aaac`, `load_gtsrb` and `load_lisa` say.

    A path is a folder of pictures, one folder a class, which
    `load_image_folder` reads. One that is named like a set is written
    `./name`.

    Args:
        name: For example `"fashion_mnist"` or `"photos/test"`.
        split: A TFDS split, such as `"train[:55000]"` or `"test"`, or one of
            AAAC's, GTSRB's or LISA's. A folder has none.
        batch_size: Images in a batch; `None` yields single images.
        shuffle: Whether to reshuffle at every pass; TFDS' images among those
            of the next 256 MiB.
        seed: Seed of the shuffling.
        data_dir: Where TFDS keeps its data, `None` for its default; or
            where AAAC, GTSRB or LISA is.
        image_shape: `(height, width, channels)` that pictures are resized to,
            by Pillow's antialiased bilinear filter. `None`, not for a folder:
            `(299, 299, 3)` for AAAC, `(32, 32, 3)` for GTSRB and LISA, and
            their own for a TFDS set, which must then be all the same.
        classes: Of a folder or LISA: names of the classes in the model's
            order; `None` for those of its folders, sorted, or for
            `LISA_CLASSES`.

    Returns:
        `(images, labels)`: float32 pixels in [0, 1],
        `([batch,] height, width, channels)`, and int64 classes.

    Raises:
        FileNotFoundError: If there is no such folder, AAAC, GTSRB or LISA is
            not in it, or the photographs of `composed_photos` are not
            installed.
        ImportError: If TFDS is not installed.
        ValueError: If there is no such set or split, it is not made of
            images with one label, or an option doesn't belong to it or is
            missing.
        ConnectionError: If the set has to be downloaded and cannot be.
    """
    if is_folder(name):
        check_split(name, split)
        dataset = load_image_folder(
            name,
            image_shape=image_shape,
            classes=classes,
            shuffle=shuffle,
            seed=seed,
        )
    elif name in ON_DISK:
        dataset = _load_on_disk(
            name,
            split,
            data_dir,
            {"image_shape": image_shape, "classes": classes},
            shuffle=shuffle,
            seed=seed,
        )
    else:
        if classes is not None:
            raise ValueError(
                "`classes` are for folders of pictures and for LISA. "
                f"Received: name={name!r}"
            )
        dataset = _of_one_size(
            name, _load_named(name, split, data_dir), image_shape
        )
        if shuffle:
            dataset = dataset.shuffle(_shuffle_buffer(dataset), seed=seed)
    if batch_size is not None:
        dataset = dataset.batch(batch_size)
    return to_pixels(dataset)


def load_features(
    name: str,
    split: str = "train",
    *,
    data_dir: str | os.PathLike | None = None,
) -> tf.data.Dataset:
    """Loads all that a rendered set has of each picture, one at a time.

    Args:
        name: `"rendered_objects"`, or another set that is rendered here.
        split: As `load` takes it.
        data_dir: Where TFDS keeps its data, `None` for its default.

    Returns:
        Features by their names, as the set's builder stores them: pixels are
        uint8, 0 to 255.

    Raises:
        ImportError: If TFDS, or what the set is rendered with, is not
            installed.
        ValueError: If it is no rendered set, or has no such split.
    """
    if re.match("[^/:]*", name)[0] not in BUILDERS:
        raise ValueError(
            f"Sets with more features are {', '.join(BUILDERS)}. "
            f"Received: name={name!r}"
        )
    return _prepared(name, split, data_dir).as_dataset(split=split)


def is_resized(name: str | os.PathLike) -> bool:
    """Returns whether the set's pictures differ in size.

    `load` then resizes them, by default or given an `image_shape`.
    """
    if is_folder(name) or name in ON_DISK:
        return True
    if name in PACKAGED:
        return False
    try:
        features = _builder(name, None).info.features
    except (ImportError, ValueError):
        return False  # `load` says what is wrong.
    return "image" in features and None in features["image"].shape


def label_names(name: str | os.PathLike) -> tuple[str, ...]:
    """Returns the names of a TFDS set's classes, in the order of its labels.

    Classes that have no names have their numbers' digits. There are none for
    a folder, whose names are its folders', nor for a set that isn't TFDS'.
    """
    if is_folder(name) or name in ON_DISK or name in PACKAGED:
        return ()
    try:
        features = _builder(name, None).info.features
    except (ImportError, ValueError):
        return ()  # `load` says what is wrong.
    label = features["label"] if "label" in features else None
    return tuple(getattr(label, "names", None) or ())


def _load_on_disk(name, split, data_dir, options, **kwargs) -> tf.data.Dataset:
    check_data_dir(name, data_dir)
    if options["classes"] is not None and name != "lisa":
        raise ValueError(
            "`classes` are for folders of pictures and for LISA. "
            f"Received: name={name!r}"
        )
    given = {key: value for key, value in options.items() if value is not None}
    load_set = getattr(importlib.import_module(ON_DISK[name]), f"load_{name}")
    return load_set(data_dir, split, **given, **kwargs)


def _load_named(name: str, split: str, data_dir) -> tf.data.Dataset:
    if name in PACKAGED:
        check_split(name, split)
        return load_packaged(name)
    builder = _prepared(name, split, data_dir)
    if builder.info.supervised_keys != ("image", "label"):
        raise ValueError(
            "A set must be made of images with one label. Received: "
            f"name={name!r}, made of {builder.info.supervised_keys}"
        )
    return builder.as_dataset(split=split, as_supervised=True)


def _prepared(name, split, data_dir):
    """Returns TFDS' builder of a set whose split is on the disk."""
    builder = _builder(name, data_dir)
    if builder.name in BUILDERS and not Path(builder.data_dir).exists():
        builder = builder.only(split)
    if not Path(builder.data_dir).exists():
        _prepare(builder)
    return builder


def _of_one_size(name, dataset, image_shape):
    if image_shape is not None:
        return resize_images(dataset, image_shape)
    if None in dataset.element_spec[0].shape:
        raise ValueError(
            f"The images of {name} differ in size; give the `image_shape`, "
            "(height, width, channels), to resize them to. "
            "Received: image_shape=None"
        )
    return dataset


def _shuffle_buffer(dataset) -> int:
    """Returns of how many images the next one is chosen."""
    image = dataset.element_spec[0]
    size = image.shape.num_elements() * image.dtype.size
    return min(len(dataset), max(1, _SHUFFLE_BYTES // size))


def _builder(name, data_dir):
    """Returns TFDS' builder of a set."""
    check_known(name)
    import tensorflow_datasets as tfds

    family = re.match("[^/:]*", name)[0]
    if family in BUILDERS:
        importlib.import_module(BUILDERS[family])  # TFDS then knows the set.
    try:
        return tfds.builder(name, data_dir=data_dir)
    except ValueError as error:
        if family not in BUILDERS:
            raise
        configs = tfds.builder_cls(family).builder_configs
        names = [f"{family}/{config}" for config in configs]
        raise ValueError(
            f"The sets are {', '.join(names)}. Received: name={name!r}"
        ) from error


def _prepare(builder) -> None:
    try:
        # TFDS reports on standard output, which is the result's.
        with contextlib.redirect_stdout(sys.stderr):
            builder.download_and_prepare()
    except Exception as error:
        if builder.name in BUILDERS:
            raise
        hint = (
            " Without a network: python -m zoo.training.datasets.fashion_mnist"
            if builder.name == "fashion_mnist"
            else ""
        )
        raise ConnectionError(
            f"{builder.name} is not in {builder.data_dir} and could not be "
            f"prepared ({type(error).__name__}).{hint}"
        ) from error
