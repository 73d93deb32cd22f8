"""Numbers on the command line, refused where they are out of range.

Each is a `type` for `argparse`, whose message names the option.
"""

import argparse
import math
from collections.abc import Callable


def at_least(least: int, most: int | None = None) -> Callable[[str], int]:
    """Returns a reader of whole numbers from `least` on, or up to `most`."""
    limits = f"from {least}" if most is None else f"from {least} to {most}"
    largest = math.inf if most is None else most

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = None
        if number is None or not least <= number <= largest:
            raise argparse.ArgumentTypeError(
                f"must be a whole number {limits}. Received: {text}"
            )
        return number

    return read


def above_zero(text: str) -> float:
    """Reads a finite number above 0."""
    number = _number(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(
            f"must be a number above 0. Received: {text}"
        )
    return number


def share(text: str) -> float:
    """Reads a number in [0, 1]."""
    number = _number(text)
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(
            f"must be a number in [0, 1]. Received: {text}"
        )
    return number


def part(text: str) -> float:
    """Reads a number in (0, 1)."""
    number = _number(text)
    if not 0 < number < 1:
        raise argparse.ArgumentTypeError(
            f"must be a number in (0, 1). Received: {text}"
        )
    return number


def _number(text: str) -> float:
    """Returns the number, or NaN, which is in no range."""
    try:
        return float(text)
    except ValueError:
        return math.nan
