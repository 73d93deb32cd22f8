"""Labelled images as arrays."""

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike


def gather_examples(
    dataset: tf.data.Dataset | tuple[ArrayLike, ArrayLike],
    *,
    limit: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Reads a data set into memory, once, in the order it comes.

    Args:
        dataset: `(images, labels)`, either as arrays or as a
            `tf.data.Dataset` of batches or of single examples.
        limit: Number of images to stop after; `None` reads them all.

    Returns:
        Images and labels, unchecked but for their count.

    Raises:
        ValueError: If the data set is something else, is empty, cannot be
            read to the end, or never ends and has no limit.
    """
    if isinstance(dataset, tf.data.Dataset):
        return _read(dataset, limit)
    if isinstance(dataset, (tuple, list)) and len(dataset) == 2:
        images, labels = (np.asarray(part) for part in dataset)
        if not images.ndim or not labels.ndim or len(images) != len(labels):
            raise ValueError(
                "images and labels must be equal in number. Received: "
                f"images.shape={images.shape}, labels.shape={labels.shape}"
            )
        return images[:limit], labels[:limit]
    raise ValueError(
        "dataset must be a tf.data.Dataset or a tuple (images, labels). "
        f"Received: {type(dataset).__name__}"
    )


def _read(dataset, limit):
    spec = dataset.element_spec
    if not (
        isinstance(spec, tuple)
        and len(spec) == 2
        and all(isinstance(part, tf.TensorSpec) for part in spec)
    ):
        raise ValueError(
            "dataset must yield (images, labels); load TFDS sets with "
            f"as_supervised=True. Received: elements of {spec}"
        )
    if limit is None and dataset.cardinality() == tf.data.INFINITE_CARDINALITY:
        raise ValueError(
            "dataset must end, or limit be given. Received: an infinite "
            "dataset, limit=None"
        )
    if spec[1].shape.rank == 0:
        dataset = dataset.batch(128)
    images, labels, count = [], [], 0
    try:
        for image_batch, label_batch in dataset.as_numpy_iterator():
            images.append(image_batch)
            labels.append(label_batch)
            count += len(image_batch)
            if limit is not None and count >= limit:
                break
    except tf.errors.OpError as error:
        # An error raised by Python stands behind the names of iterators.
        line = error.message.splitlines()[0]
        raise ValueError(line.partition("Error: ")[2] or line) from error
    if not images:
        raise ValueError("dataset must not be empty. Received: 0 images")
    return np.concatenate(images)[:limit], np.concatenate(labels)[:limit]
