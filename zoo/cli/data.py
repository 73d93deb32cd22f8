"""Images named on the command line."""

import argparse
import re
from pathlib import Path

from zoo.cli.models import class_names
from zoo.cli.models import classes_file
from zoo.cli.models import is_preset
from zoo.cli.models import known_classes

SAMPLE = "fashion_mnist_sample"


def add_data_arguments(parser: argparse.ArgumentParser, limit: int) -> None:
    """Adds what to read, and how, to a command."""
    parser.add_argument(
        "--data",
        metavar="SET",
        default=SAMPLE,
        help="TFDS name, folder of pictures with one folder a class, or "
        "%(default)s (the default): the packaged images",
    )
    parser.add_argument(
        "--split", default="test", help="TFDS split (default: %(default)s)"
    )
    parser.add_argument(
        "--limit",
        type=int,
        default=limit,
        metavar="N",
        help="images to take from the front (default: %(default)s)",
    )
    parser.add_argument(
        "--classes",
        metavar="NAMES",
        help="the model's classes in order: names between commas, or a text "
        "file of one a line (default: the model's, else the folders, sorted)",
    )
    parser.add_argument(
        "--image-size",
        type=_size,
        metavar="HxW",
        help="size of the images, for models that take any; a folder's "
        "pictures are resized to it",
    )


def load_images(options: argparse.Namespace, model):
    """Loads the images and labels the data arguments name, as arrays.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If the limit is not positive, there is no such set, or a
            folder's pictures or classes don't fit the model.
        ConnectionError: If the set cannot be downloaded.
    """
    from training import datasets
    from training.evaluation.examples import gather_examples

    if options.limit < 1:
        raise ValueError(
            f"--limit must be positive. Received: --limit={options.limit}"
        )
    folder = {}
    if datasets.is_folder(options.data):
        shape, count = _image_shape(options, model)
        folder["image_shape"] = shape
        folder["classes"] = resolve_classes(options, count)
    dataset = datasets.load(options.data, options.split, **folder)
    return gather_examples(dataset.take(options.limit))


def resolve_classes(options: argparse.Namespace, count: int) -> list[str]:
    """Names of the model's `count` classes, in its order.

    Raises:
        OSError: If the file of names cannot be read.
        ValueError: If there are not as many names.
    """
    from training import datasets

    known = known_classes(options.model)
    if options.classes is not None:
        names, source = _given(options.classes), "--classes"
    elif known and not is_preset(options.model):
        names, source = known, classes_file(options.model)
    elif not known and datasets.is_folder(options.data):
        names, source = datasets.class_folders(options.data), options.data
    else:
        return class_names(options.model, count)
    if len(names) != count:
        raise ValueError(
            f"{options.model} has {count} classes; name each, in the model's "
            f"order, by --classes. Received: {len(names)} in {source}"
        )
    return names


def _given(text: str) -> list[str]:
    if Path(text).is_file():
        lines = Path(text).read_text("utf-8").splitlines()
    else:
        lines = text.split(",")
    return [line.strip() for line in lines if line.strip()]


def _image_shape(options, model) -> tuple[tuple[int, int, int], int]:
    """Shape of the images the model takes, and its number of classes."""
    try:
        height, width, channels = model.input_shape[1:]
        classes = model.output_shape[-1]
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(
            f"{options.model} must say what images it takes, to resize "
            "pictures to: save it as a functional or Sequential model of one "
            "image input."
        ) from error
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
