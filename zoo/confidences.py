"""Whether a classifier gives confidences in the place of logits."""

import numpy as np


def are_confidences(outputs: np.ndarray) -> bool:
    """Returns whether all rows are non-negative and sum to one.

    Args:
        outputs: `(batch, classes)`.
    """
    outputs = np.asarray(outputs, "float64")
    sums = outputs.sum(axis=-1)
    return bool((outputs >= 0).all() and np.allclose(sums, 1, atol=1e-3))
