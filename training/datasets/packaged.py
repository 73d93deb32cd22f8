"""Samples of test images that ship inside the package.

The sample of signs is rendered again by

    python -m zoo.training.datasets.packaged training/datasets/files
"""

import argparse
import importlib.resources
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

from zoo.training.datasets.lisa_classes import LISA_CLASSES
from zoo.training.datasets.registry import PACKAGED

_SIGNS = 15 * len(LISA_CLASSES)


def load_packaged(name: str) -> tf.data.Dataset:
    """Loads a packaged set, one image at a time, in a fixed order.

    Args:
        name: `"fashion_mnist_sample"`: the first 512 test images, 28 x 28,
            grey. `"rendered_signs_sample"`: pictures 0 to 254 of the test
            split of `rendered_signs/crops32`, 32 x 32, RGB, 15 of each class
            in turn.

    Returns:
        `(image, label)`: uint8 pixels, `(height, width, channels)`, and
        int64 classes.

    Raises:
        ValueError: If no packaged set has the name.
    """
    if name not in PACKAGED:
        raise ValueError(
            f"Packaged sets are {', '.join(PACKAGED)}. Received: name={name!r}"
        )
    files = importlib.resources.files("zoo.training.datasets") / "files"
    with (files / f"{name}.npz").open("rb") as file, np.load(file) as arrays:
        images, labels = arrays["images"], arrays["labels"]
    return tf.data.Dataset.from_tensor_slices((images, labels.astype("int64")))


def render_signs(count: int = _SIGNS) -> tuple[np.ndarray, np.ndarray]:
    """Renders the first images of `rendered_signs_sample`, and their classes.

    Args:
        count: Images to render.
    """
    from zoo.training.datasets.rendered_signs.rendering import crop

    images = [crop("test", index).image for index in range(count)]
    labels = np.arange(count, dtype="uint8") % len(LISA_CLASSES)
    return np.stack(images), labels


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where to write the signs")
    options = parser.parse_args(arguments)
    images, labels = render_signs()
    path = options.folder / "rendered_signs_sample.npz"
    np.savez_compressed(path, images=images, labels=labels)
    return 0


if __name__ == "__main__":
    sys.exit(main())
