"""Perturbations of low frequencies."""

import numpy as np
import tensorflow as tf
from scipy import fft


def low_frequencies(perturbations: tf.Tensor, dimension: int) -> tf.Tensor:
    """Keeps the lowest frequencies of a discrete cosine transform.

    The orthonormal DCT-II of each channel, its coefficients of index
    `dimension` or more along either side set to 0, transformed back: a
    projection.

    Args:
        perturbations: `(batch, height, width, channels)`.
        dimension: Coefficients kept along each side.

    Returns:
        A tensor of the same shape.
    """
    _, height, width, _ = perturbations.shape
    return tf.einsum(
        "yh,xw,bhwc->byxc",
        _projection(height, dimension),
        _projection(width, dimension),
        perturbations,
    )


def _projection(size, dimension):
    """Returns the `(size, size)` matrix that keeps the lowest frequencies."""
    basis = fft.dct(np.eye(size), axis=0, norm="ortho")[:dimension]
    return tf.constant(basis.T @ basis, "float32")
