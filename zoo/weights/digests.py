"""SHA-256 of what a measurement or a training ran on."""

import hashlib
from collections.abc import Iterable

import keras
import numpy as np


def arrays_digest(arrays: Iterable[np.ndarray]) -> str:
    """Returns the SHA-256 of the arrays' types, shapes and bytes, in order."""
    sha256 = hashlib.sha256()
    for array in arrays:
        sha256.update(f"{array.dtype}{array.shape}".encode())
        sha256.update(array.tobytes())
    return sha256.hexdigest()


def weights_digest(model: keras.Model) -> str:
    """Returns the SHA-256 of the model's weights, in their order.

    The state of its seed generators is none of them.
    """
    return arrays_digest(
        keras.ops.convert_to_numpy(weight) for weight in model.weights
    )
