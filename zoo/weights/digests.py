"""SHA-256 of the data and weights that an evaluation or training uses."""

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
    """Returns the SHA-256 of a model's weights, in their order.

    The states of its seed generators don't count.
    """
    return arrays_digest(
        keras.ops.convert_to_numpy(weight) for weight in model.weights
    )
