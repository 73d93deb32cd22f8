"""Confidences told from logits."""

import numpy as np
import pytest

from zoo.inspection import are_confidences


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        ([[0.25, 0.75], [1.0, 0.0]], True),
        ([[0.25, 0.7505], [1.0, 0.0]], True),
        ([[0.25, 0.7483], [1.0, 0.0]], True),  # As of bfloat16.
        ([[0.25, 0.74], [1.0, 0.0]], False),
        ([[1.005, 0.0]], False),
        ([[0.25, 0.75], [1.0, 0.5]], False),
        ([[-0.25, 1.25]], False),
        ([[np.nan, 1.0]], False),
    ],
)
def test_rows_that_sum_to_one(outputs, expected):
    assert are_confidences(outputs) is expected
