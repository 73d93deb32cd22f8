"""Finds a recipe and its stages by name; TensorFlow stays out until then."""

import importlib
from types import ModuleType

from zoo.module_source import assigned_names
from zoo.suggestions import did_you_mean

_STAGES = {
    "composed_photos": "composed_photos",
    "fashion_mnist": "irm_stages",
    "fashion_mnist_robust": "fashion_mnist_robust",
    "rendered_objects": "rendered_objects",
    "rendered_signs": "rendered_signs",
}
"""The module that lists the stages of each recipe."""

NAMES = tuple(_STAGES)


def find(name: str) -> ModuleType:
    """Imports a recipe.

    Args:
        name: One of `NAMES`.

    Returns:
        A module with `STAGES` and `train(workdir, *, stages, data_dir)`.

    Raises:
        ValueError: If there is no such recipe; lists the names.
    """
    _check_name(name)
    return importlib.import_module(f"zoo.training.recipes.{name}")


def stages(name: str) -> tuple[str, ...]:
    """Returns the stages of a recipe in order, its `STAGES`.

    Read from the source: importing the recipe would import TensorFlow.

    Args:
        name: One of `NAMES`.

    Raises:
        ValueError: If there is no such recipe; lists the names.
    """
    _check_name(name)
    return assigned_names(__package__, _STAGES[name], "STAGES")


def _check_name(name):
    if name not in NAMES:
        raise ValueError(
            f"Recipes are {', '.join(NAMES)}.{did_you_mean(name, NAMES)} "
            f"Received: {name!r}"
        )
