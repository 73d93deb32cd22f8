"""What a training begins with, looked at before it does."""

from typing import Any

import keras
import tensorflow as tf

_COUNT = 32
"""As many as Keras takes of arrays in a batch."""


def first_images(x: Any) -> Any | None:
    """Returns the first images of what `fit` is given.

    Args:
        x: An array of images, or batches of `(images, ...)` as a data set of
            `tf.data` or of Keras.

    Returns:
        A batch of images; `None` if there is none, or of what may be there
        but once, such as a generator's.
    """
    if hasattr(x, "shape"):
        return x[:_COUNT]
    if isinstance(x, tf.data.Dataset):
        batch = next(iter(x.take(1)), None)
    elif isinstance(x, keras.utils.PyDataset):
        batch = x[0]
    else:
        return None
    return batch[0] if isinstance(batch, (tuple, list)) else batch
