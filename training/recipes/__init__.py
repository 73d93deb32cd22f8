"""The training runs that made the presets."""

from zoo.training.recipes.registry import find

__all__ = ["find"]
