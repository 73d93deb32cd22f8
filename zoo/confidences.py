"""Whether a classifier gives confidences in the place of logits."""

import numpy as np

_TOLERANCE = 1e-2
"""Wide enough for half precision: bfloat16 rows were seen to sum to 0.9983."""


def are_confidences(outputs: np.ndarray) -> bool:
    """Returns whether all values are in [0, 1] and each row sums to one.

    Args:
        outputs: `(batch, classes)`, of any floating-point type.
    """
    outputs = np.asarray(outputs, "float64")
    inside = (outputs >= 0) & (outputs <= 1)
    sums = np.abs(outputs.sum(axis=-1) - 1) < _TOLERANCE
    return bool(inside.all() and sums.all())
