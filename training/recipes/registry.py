"""Recipes by name."""

import difflib
import importlib
from types import ModuleType

NAMES = ("fashion_mnist",)


def find(name: str) -> ModuleType:
    """Imports a recipe.

    Args:
        name: One of `NAMES`.

    Returns:
        A module with `STAGES` and `train(workdir, *, stages, data_dir)`.

    Raises:
        ValueError: If there is no such recipe; lists the names.
    """
    if name not in NAMES:
        near = difflib.get_close_matches(name, NAMES, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(
            f"Recipes are {', '.join(NAMES)}.{hint} Received: {name!r}"
        )
    return importlib.import_module(f"training.recipes.{name}")
