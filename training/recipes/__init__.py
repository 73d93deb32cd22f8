"""Published training runs."""

from training.recipes.registry import find

__all__ = ["find"]
