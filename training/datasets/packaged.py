"""Samples of test images that ship inside the package."""

import importlib.resources

import numpy as np
import tensorflow as tf

from zoo.training.datasets.registry import PACKAGED


def load_packaged(name: str) -> tf.data.Dataset:
    """Loads a packaged set, one image at a time, in a fixed order.

    Args:
        name: `"fashion_mnist_sample"`: the first 512 test images, 28 x 28,
            grey. `"rendered_objects_sample"`: pictures 0 to 79 of the test
            split of `rendered_objects/painted`, 64 x 64, grey, 20 of each
            class in turn. `"rendered_signs_sample"`: pictures 0 to 254 of the
            test split of `rendered_signs/crops32`, 32 x 32, RGB, 15 of each
            class in turn.

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
