"""Eight-bit images as the pixels that models take."""

import tensorflow as tf


def to_pixels(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Scales a data set's 8-bit images, or batches of them, to [0, 1]."""
    return dataset.map(
        lambda image, label: (tf.cast(image, tf.float32) / 255.0, label),
        num_parallel_calls=tf.data.AUTOTUNE,
    ).prefetch(tf.data.AUTOTUNE)
