"""The strength of a penalty."""

import math
from numbers import Real


def check_alpha(alpha: float) -> float:
    """Returns a penalty's strength as a float, or says what is wrong.

    Raises:
        ValueError: If it is not a finite number, 0 or more.
    """
    real = isinstance(alpha, Real) and not isinstance(alpha, bool)
    if not real or not math.isfinite(alpha) or alpha < 0:
        raise ValueError(
            f"alpha must be a finite number, 0 or more. Received: alpha={alpha}"
        )
    return float(alpha)
