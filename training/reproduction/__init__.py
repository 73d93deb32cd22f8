"""The papers' tables and figures, measured again."""

from zoo.training.reproduction.registry import find

__all__ = ["find"]
