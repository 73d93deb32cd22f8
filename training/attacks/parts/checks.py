"""Checks of the options that attacks share."""

import math
from numbers import Integral
from numbers import Real

from zoo.threat import NORMS


def checked_norm(norm: str) -> str:
    """Returns `norm`, or raises a `ValueError` if attacks don't know it."""
    if norm not in NORMS:
        raise ValueError(
            f"`norm` must be one of {', '.join(map(repr, NORMS))}. "
            f"Received: norm={norm!r}"
        )
    return norm


def checked_count(name: str, value: int) -> int:
    """Returns a positive integer, or raises a `ValueError`."""
    integral = isinstance(value, Integral) and not isinstance(value, bool)
    if not integral or value < 1:
        raise ValueError(
            f"`{name}` must be a positive integer. Received: {name}={value!r}"
        )
    return int(value)


def checked_size(name: str, value: float, *, positive: bool = False) -> float:
    """Returns a finite float, 0 or more, or raises a `ValueError`.

    Args:
        name: Of the option, for the message.
        positive: Whether 0 is wrong too.
    """
    real = isinstance(value, Real) and not isinstance(value, bool)
    good = real and math.isfinite(value) and value >= 0
    if not good or (positive and value == 0):
        rule = "above 0" if positive else "0 or more"
        raise ValueError(
            f"`{name}` must be a finite number, {rule}. "
            f"Received: {name}={value!r}"
        )
    return float(value)


def checked_seed(seed: int) -> int:
    """Returns a whole number of 32 bits, or raises a `ValueError`.

    For TensorFlow's stateless draws; a `keras.random.SeedGenerator` checks
    its own.
    """
    whole = isinstance(seed, Integral) and not isinstance(seed, bool)
    if not whole or not -(2**31) <= seed < 2**31:
        raise ValueError(
            "`seed` must be a whole number of 32 bits, in [-2**31, 2**31). "
            f"Received: seed={seed!r}"
        )
    return int(seed)


def checked_fallback(fallback: str | None, max_norm: float | None) -> str:
    """Returns what becomes of images that aren't fooled, or raises.

    Args:
        fallback: `"clean"` or `"last"`; `None` stands for `"last"` if there
            is a `max_norm`, else for `"clean"`.
    """
    if fallback is None:
        return "clean" if max_norm is None else "last"
    if fallback not in ("clean", "last"):
        raise ValueError(
            "`fallback` must be 'clean' or 'last'. "
            f"Received: fallback={fallback!r}"
        )
    return fallback
