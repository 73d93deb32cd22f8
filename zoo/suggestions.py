"""Suggestions for misspelt names."""

import difflib
import inspect
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any


def near_names(
    name: str, known: Iterable[str], *, most: int, cutoff: float = 0.6
) -> list[str]:
    """Returns the known names that look like a misspelt one, nearest first.

    Letters' case makes no difference.

    Args:
        name: What was asked for.
        known: The names that there are.
        most: How many to return at most.
        cutoff: Least similarity, in [0, 1]; 1 is the same name.
    """
    folded = {one.lower(): one for one in known}
    near = difflib.get_close_matches(
        name.lower(), folded, n=most, cutoff=cutoff
    )
    return [folded[one] for one in near]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Returns `" Did you mean 'pgd'?"`, or nothing if no name is near.

    Args:
        name: What was asked for.
        known: The names that there are.
    """
    near = near_names(name, known, most=1)
    return f" Did you mean {near[0]!r}?" if near else ""


def check_options(
    name: str,
    function: Callable,
    options: Mapping[str, Any],
    *,
    hidden: Collection[str] = (),
) -> None:
    """Refuses options that a function doesn't have.

    Args:
        name: What the user called the function by.
        function: Takes the options.
        options: What it was given.
        hidden: Parameters that are no options.

    Raises:
        ValueError: If an option is unknown; lists those there are.
    """
    parameters = inspect.signature(function).parameters
    known = [option for option in parameters if option not in hidden]
    for option, value in options.items():
        if option not in known:
            raise ValueError(
                f"`{name}` takes the options {', '.join(known)}."
                f"{did_you_mean(option, known)} Received: {option}={value!r}"
            )
