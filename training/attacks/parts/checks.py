"""Checks of the options that attacks share; TensorFlow is not needed."""

import functools
import math
from collections.abc import Collection
from numbers import Integral
from numbers import Real
from typing import Any

from zoo.threat import NORMS


def checked_options(
    *, optional: Collection[str] = (), **options: Any
) -> dict[str, Any]:
    """Checks each option that attacks share by its name.

    What only one attack has passes unchecked: its factory does that.

    Args:
        optional: Names of those that may be `None`.
        options: Of one attack, in the order in which they are recorded.

    Returns:
        The options in the same order, numbers as plain `int` and `float`, so
        that reports can hold them.

    Raises:
        ValueError: If a value is out of range.
    """
    return {
        name: value
        if name not in _CHECKS or (value is None and name in optional)
        else _CHECKS[name](name, value)
        for name, value in options.items()
    }


def checked_norm(name: str, value: str) -> str:
    """Returns a norm that attacks know, or raises a `ValueError`."""
    if value not in NORMS:
        raise ValueError(
            f"`{name}` must be one of {', '.join(map(repr, NORMS))}. "
            f"Received: {name}={value!r}"
        )
    return value


def checked_count(name: str, value: int, *, least: int = 1) -> int:
    """Returns an integer of at least `least`, or raises a `ValueError`."""
    integral = isinstance(value, Integral) and not isinstance(value, bool)
    if not integral or value < least:
        rule = "a positive integer" if least == 1 else f"{least} or more"
        raise ValueError(f"`{name}` must be {rule}. Received: {name}={value!r}")
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


_positive = functools.partial(checked_size, positive=True)
_CHECKS = {
    "norm": checked_norm,
    "eps": checked_size,
    "max_norm": _positive,
    "steps": checked_count,
    "step_size": _positive,
    "restarts": checked_count,
    "draws": checked_count,
    "classes": checked_count,
    "binary_search_steps": checked_count,
    "initial_const": _positive,
}
