"""Data sets by name."""

from training.datasets.loading import load

__all__ = ["load"]
