"""JPEG compression as a layer."""

from zoo.layers.jpeg.jpeg import JPEG

__all__ = ["JPEG"]
