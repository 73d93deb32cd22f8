"""The tables and figures of the papers, made again."""

from training.reproduction.registry import find

__all__ = ["find"]
