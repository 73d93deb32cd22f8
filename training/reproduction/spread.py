"""A number over several seeds, with its spread."""

import statistics
from collections.abc import Sequence


def spread(values: Sequence[float], *, percent: bool = True) -> str:
    """Returns the mean and, of several, the standard deviation, as text.

    Args:
        values: One a seed.
        percent: Whether they are fractions to be shown in percent, with one
            digit; else they have three.
    """
    scale, digits = (100, 1) if percent else (1, 3)
    text = f"{scale * statistics.mean(values):.{digits}f}"
    if len(values) > 1:
        text += f" ± {scale * statistics.stdev(values):.{digits}f}"
    return text
