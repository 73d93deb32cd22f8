"""Finds a recipe by its name."""

import importlib
from types import ModuleType

from zoo.suggestions import did_you_mean

NAMES = ("fashion_mnist", "rendered_signs")


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
        raise ValueError(
            f"Recipes are {', '.join(NAMES)}.{did_you_mean(name, NAMES)} "
            f"Received: {name!r}"
        )
    return importlib.import_module(f"zoo.training.recipes.{name}")
