"""The tables and figures of the papers, made again."""

from zoo.training.reproduction.registry import find

__all__ = ["find"]
