"""Reproductions by name."""

import difflib
import importlib
from types import ModuleType

NAMES = ("blurnet", "irm")


def find(name: str) -> ModuleType:
    """Imports a system's reproduction.

    Args:
        name: One of `NAMES`.

    Returns:
        A package with `PARTS`, the names of its tables and figures,
        `Settings` and `reproduce(settings, output, *, only)`.

    Raises:
        ValueError: If there is no such system; lists the names.
    """
    if name not in NAMES:
        near = difflib.get_close_matches(name, NAMES, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(
            f"Systems are {', '.join(NAMES)}.{hint} Received: {name!r}"
        )
    return importlib.import_module(f"training.reproduction.{name}")
