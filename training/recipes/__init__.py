"""Published training runs."""

from zoo.training.recipes.registry import find

__all__ = ["find"]
