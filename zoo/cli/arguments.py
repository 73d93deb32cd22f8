"""Arguments that several commands share, and readers of their values."""

import argparse
import math
import re
from collections.abc import Callable

from zoo.inspection import MOST_PIXELS

_MOST = 2**63 - 1
"""The largest int64, which is what TensorFlow and NumPy count in."""


def add_json_argument(parser: argparse.ArgumentParser) -> None:
    """Adds `--json`."""
    parser.add_argument(
        "--json", action="store_true", help="print JSON instead of a table"
    )


def add_draws_argument(parser: argparse.ArgumentParser) -> None:
    """Adds `--draws`, of the scoring."""
    parser.add_argument(
        "--draws",
        type=at_least(1),
        default=10,
        metavar="N",
        help="predictions that score each image of a randomised model "
        "(default: %(default)s)",
    )


def add_batch_size_argument(
    parser: argparse.ArgumentParser, default: int, purpose: str
) -> None:
    """Adds `--batch-size`."""
    parser.add_argument(
        "--batch-size",
        type=at_least(1),
        default=default,
        metavar="N",
        help=f"images {purpose} at once (default: %(default)s)",
    )


def add_seed_argument(parser: argparse.ArgumentParser, purpose: str) -> None:
    """Adds `--seed`."""
    parser.add_argument(
        "--seed",
        type=at_least(0),
        default=0,
        metavar="N",
        help=f"seed of {purpose} (default: %(default)s)",
    )


def at_least(least: int, most: int = _MOST) -> Callable[[str], int]:
    """Returns a reader of whole numbers from `least` on, or up to `most`."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = None
        if number is None or not least <= number <= most:
            limits = f"from {least}"
            if most < _MOST or number is not None and number > most:
                limits += f" to {most}"
            raise argparse.ArgumentTypeError(
                f"must be a whole number {limits}. Received: {text:.100}"
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


def numbers_above_zero(text: str) -> tuple[float, ...]:
    """Reads numbers above 0, between commas."""
    try:
        return tuple(above_zero(number) for number in text.split(","))
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(
            "must be numbers above 0 between commas, such as 0.1,1. "
            f"Received: {text}"
        ) from error


def share(text: str) -> float:
    """Reads a number in [0, 1]."""
    number = _number(text)
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(
            f"must be a number in [0, 1]. Received: {text}"
        )
    return number


def proper_share(text: str) -> float:
    """Reads a number in (0, 1)."""
    number = _number(text)
    if not 0 < number < 1:
        raise argparse.ArgumentTypeError(
            f"must be a number in (0, 1). Received: {text}"
        )
    return number


def image_size(text: str) -> tuple[int, int]:
    """Reads `(height, width)` from text such as `224x224`."""
    match = re.fullmatch(r"([1-9]\d{0,7})x([1-9]\d{0,7})", text, re.ASCII)
    size = match and (int(match[1]), int(match[2]))
    if match is None or size[0] * size[1] > MOST_PIXELS:
        raise argparse.ArgumentTypeError(
            "must be height x width, such as 224x224, of at most "
            f"{MOST_PIXELS:,} pixels. Received: {text:.100}"
        )
    return size


def _number(text: str) -> float:
    """Returns the number, or NaN, which is in no range."""
    try:
        return float(text)
    except ValueError:
        return math.nan
