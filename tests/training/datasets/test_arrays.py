"""Data sets of every kind become the same arrays."""

import numpy as np
import pytest
import tensorflow as tf

from zoo.training.datasets.arrays import gather_examples

IMAGES = np.arange(7 * 4, dtype="float32").reshape(7, 2, 2, 1) / 28
LABELS = np.arange(7)


def slices():
    return tf.data.Dataset.from_tensor_slices((IMAGES, LABELS))


@pytest.mark.parametrize(
    "dataset",
    [
        (IMAGES, LABELS),
        [IMAGES.tolist(), LABELS.tolist()],
        (tf.constant(IMAGES), tf.constant(LABELS)),
        slices(),
        slices().batch(3),
        slices().batch(100),
        slices().map(lambda image, label: (image, label)).batch(7),
    ],
    ids=["arrays", "lists", "tensors", "single", "batches", "one", "mapped"],
)
@pytest.mark.parametrize("limit", [None, 1, 5, 7, 50])
def test_order_and_limit(dataset, limit):
    images, labels = gather_examples(dataset, limit=limit)
    np.testing.assert_allclose(images, IMAGES[:limit])
    np.testing.assert_array_equal(labels, LABELS[:limit])


def test_limit_ends_an_endless_dataset():
    images, labels = gather_examples(slices().repeat().batch(4), limit=10)
    assert len(images) == 10
    assert labels.tolist() == [0, 1, 2, 3, 4, 5, 6, 0, 1, 2]


def test_reading_stops_at_the_limit():
    def read():
        yield from zip(IMAGES, LABELS, strict=True)
        raise AssertionError("read past the limit")

    dataset = tf.data.Dataset.from_generator(
        read,
        output_signature=(
            tf.TensorSpec((2, 2, 1), "float32"),
            tf.TensorSpec((), "int64"),
        ),
    ).batch(2)
    images, _ = gather_examples(dataset, limit=6)
    assert len(images) == 6


@pytest.mark.parametrize(
    ("dataset", "said"),
    [
        (slices().repeat(), "infinite"),
        (slices().take(0), "0 images"),
        (slices().batch(2).take(0), "0 images"),
        (slices().map(lambda image, label: image), "elements of"),
        (
            slices().map(lambda image, label: {"image": image, "label": label}),
            "as_supervised",
        ),
        (IMAGES, "ndarray"),
        ((IMAGES, LABELS[:3]), "equal in number"),
        ((IMAGES, 3), "equal in number"),
        (None, "NoneType"),
    ],
)
def test_what_is_no_dataset(dataset, said):
    with pytest.raises(ValueError, match=said):
        gather_examples(dataset)
