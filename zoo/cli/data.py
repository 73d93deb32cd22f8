"""Images named on the command line."""

import argparse
import os
import re
from collections.abc import Sequence
from pathlib import Path

import zoo
from zoo.cli.models import class_names
from zoo.cli.models import is_preset
from zoo.cli.models import known_classes
from zoo.cli.output import at_least
from zoo.validation import check_images

SAMPLE = "fashion_mnist_sample"
_SPLIT = "test"


def add_data_arguments(parser: argparse.ArgumentParser, limit: int) -> None:
    """Adds what to read, and how, to a command.

    `--data`, `--split` and `--limit` are `None` unless they are given;
    `fill_data` gives them their defaults.
    """
    parser.add_argument(
        "--data",
        metavar="SET",
        help="TFDS name, rendered_signs/crops32, folder of pictures with one "
        f"folder a class, aaac, gtsrb or lisa with --data-dir, or {SAMPLE}: "
        "the packaged images (default: the set that a preset was made for; "
        "for Fashion-MNIST and for other models the packaged images)",
    )
    parser.add_argument(
        "--data-dir",
        type=Path,
        metavar="DIR",
        help="where TFDS keeps its data, or AAAC, GTSRB or LISA was unpacked",
    )
    parser.add_argument("--split", help=f"of the set (default: {_SPLIT})")
    parser.add_argument(
        "--limit",
        type=at_least(1),
        metavar="N",
        help=f"images to take from the front (default: {limit})",
    )
    add_classes_argument(
        parser, "the card's or the export's, else the folders, sorted"
    )
    add_image_size_argument(parser)
    parser.set_defaults(default_limit=limit)


def fill_data(options: argparse.Namespace) -> None:
    """Gives the defaults to the data arguments that were not given.

    Raises:
        UnknownPresetError: If the model's name is that of no preset.
    """
    if options.data is None:
        options.data = _default_data(options.model)
    if options.split is None:
        options.split = _SPLIT
    if options.limit is None:
        options.limit = options.default_limit


def _default_data(model: str) -> str:
    """Returns a preset's own set; the packaged images for all others."""
    dataset = zoo.info(model).dataset if is_preset(model) else SAMPLE
    return SAMPLE if dataset == "fashion_mnist" else dataset


def check_data(data: str | os.PathLike) -> None:
    """Raises an error if a path is no folder, before anything is loaded.

    Args:
        data: What names a data set: a path if it is a `Path`, is absolute or
            begins with a dot, as for `zoo.training.datasets.load`.

    Raises:
        FileNotFoundError: If there is no such folder.
    """
    is_path = isinstance(data, os.PathLike) or data.startswith(".")
    if (is_path or os.path.isabs(data)) and not os.path.isdir(data):
        raise FileNotFoundError(f"There is no such folder: {data}")


def add_classes_argument(parser: argparse.ArgumentParser, default: str) -> None:
    """Adds `--classes`."""
    parser.add_argument(
        "--classes",
        metavar="NAMES",
        help="the model's classes in order: names between commas, or a text "
        f"file of one a line (default: {default})",
    )


def add_image_size_argument(parser: argparse.ArgumentParser) -> None:
    """Adds `--image-size`."""
    parser.add_argument(
        "--image-size",
        type=_size,
        metavar="HxW",
        help="size of the images, for models that take any; pictures of a "
        "folder, AAAC, GTSRB or LISA are resized to it",
    )


def load_images(options: argparse.Namespace, model):
    """Loads the images and labels the data arguments name, as arrays.

    Raises:
        FileNotFoundError: If there is no such folder, or AAAC, GTSRB or LISA
            is not in it.
        ValueError: If there is no such set, or its pictures or classes don't
            fit the model.
        ConnectionError: If the set cannot be downloaded.
    """
    from zoo.inspection import input_shape
    from zoo.training import datasets
    from zoo.training.datasets.arrays import gather_examples

    given = {}
    if datasets.is_resized(options.data):
        given["image_shape"], count = image_shape(options, model)
    if datasets.is_folder(options.data):
        given["classes"] = resolve_classes(options, count)
    dataset = datasets.load(
        options.data, options.split, data_dir=options.data_dir, **given
    )
    images, labels = gather_examples(dataset.take(options.limit))
    try:
        check_images(images, input_shape(model))
    except ValueError as error:
        raise ValueError(
            f"{options.data} doesn't suit {options.model}: {error}"
        ) from error
    return images, labels


def resolve_classes(options: argparse.Namespace, count: int) -> list[str]:
    """Names of the model's `count` classes, in its order.

    Raises:
        OSError: If the file of names cannot be read.
        ValueError: If there are not as many names.
    """
    from zoo.training import datasets

    known = options.classes is not None or known_classes(options.model)
    if known or not datasets.is_folder(options.data):
        return model_classes(options, count)
    folders = datasets.class_folders(options.data)
    return _checked(folders, options.data, options, count)


def model_classes(options: argparse.Namespace, count: int) -> list[str]:
    """Names of `--classes`, else the model's own, else numbers.

    Raises:
        OSError: If the file of names cannot be read.
        ValueError: If there are not as many names.
    """
    if options.classes is None:
        return class_names(options.model, count)
    return _checked(_given(options.classes), "--classes", options, count)


def known_or_given_classes(options: argparse.Namespace, model) -> Sequence[str]:
    """Names of `--classes`, else the model's own; none if not known.

    Raises:
        OSError: If the file of names cannot be read.
        ValueError: If `--classes` doesn't name as many.
    """
    if options.classes is None:
        return known_classes(options.model)
    return model_classes(options, model.output_shape[-1])


def _checked(names, source, options, count):
    if len(names) != count:
        raise ValueError(
            f"{options.model} has {count} classes; name each, in the model's "
            f"order, by --classes. Received: {len(names)} in {source}"
        )
    return names


def _given(text: str) -> list[str]:
    if os.path.isfile(text):  # A list may be too long for a path.
        lines = Path(text).read_text("utf-8").splitlines()
    else:
        lines = text.split(",")
    return [line.strip() for line in lines if line.strip()]


def image_shape(
    options: argparse.Namespace, model
) -> tuple[tuple[int, int, int], int]:
    """Shape of the images the model takes, and its number of classes.

    Raises:
        ValueError: If the model doesn't say, takes any size and `--image-size`
            is not given, or takes another one.
    """
    from zoo.inspection import input_shape

    shape = input_shape(model)
    if shape is None:
        raise ValueError(
            f"{options.model} must say what images it takes, to resize "
            "pictures to: save it as a functional or Sequential model of one "
            "image input."
        )
    _, height, width, channels = shape
    classes = model.output_shape[-1]
    fixed = (height, width)
    size = options.image_size or fixed
    if None in size:
        raise ValueError(
            f"{options.model} takes images of any size; choose one by "
            "--image-size, such as 224x224."
        )
    if any(n not in (None, m) for n, m in zip(fixed, size, strict=True)):
        raise ValueError(
            f"{options.model} takes images of {height}x{width}. Received: "
            f"--image-size={size[0]}x{size[1]}"
        )
    return (*size, channels), classes


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", text)
    if match is None:
        raise argparse.ArgumentTypeError(
            f"must be height x width, such as 224x224. Received: {text}"
        )
    return int(match[1]), int(match[2])
