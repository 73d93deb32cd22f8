"""What a training ran on, told apart from other data."""

import hashlib
from collections.abc import Sequence

import tensorflow as tf

from zoo.training.digests import arrays_digest
from zoo.validation import check_images


def data_digest(
    images: tf.data.Dataset, input_shape: Sequence[int | None] | None = None
) -> str:
    """Returns the SHA-256 of single examples, whatever their order.

    Reads the data once.

    Args:
        images: `(image, label)`, the image `(height, width, channels)`.
        input_shape: What they must fit, as for `check_images`.

    Raises:
        ValueError: If an image is not of floating-point pixels in [0, 1], or
            of another shape.
    """
    digests = []
    for example in images.as_numpy_iterator():
        check_images(example[0][None], input_shape)
        digests.append(arrays_digest(example))
    return hashlib.sha256("".join(sorted(digests)).encode()).hexdigest()
