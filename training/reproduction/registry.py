"""Reproductions by name."""

import importlib
from types import ModuleType

from zoo.suggestions import did_you_mean

NAMES = ("blurnet", "irm", "minds_eye", "semantic_jpeg")


def find(name: str) -> ModuleType:
    """Imports a system's reproduction; TensorFlow comes with its first call.

    Args:
        name: One of `NAMES`.

    Returns:
        A package with `EXHIBITS`, the names of its tables and figures,
        `Settings`, whose fields `options.declared` lists, and
        `reproduce(settings, output, *, only)`.

    Raises:
        ValueError: If there is no such system; lists the names.
    """
    if name not in NAMES:
        raise ValueError(
            f"Systems are {', '.join(NAMES)}.{did_you_mean(name, NAMES)} "
            f"Received: {name!r}"
        )
    return importlib.import_module(f"zoo.training.reproduction.{name}")
