"""The figures of semantic JPEG's slides, and what they leave out.

Importing the package loads no TensorFlow; `reproduce` does.
"""

from zoo.training.reproduction.semantic_jpeg.settings import EXHIBITS
from zoo.training.reproduction.semantic_jpeg.settings import Settings

__all__ = ["EXHIBITS", "Settings", "reproduce"]


def __getattr__(name: str):
    if name != "reproduce":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from zoo.training.reproduction.semantic_jpeg.reproduction import reproduce

    return reproduce
