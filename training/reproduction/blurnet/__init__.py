"""The tables and figures of the BlurNet paper.

Importing the package loads no TensorFlow; `reproduce` does.
"""

from zoo.training.reproduction.blurnet.settings import EXHIBITS
from zoo.training.reproduction.blurnet.settings import Settings

__all__ = ["EXHIBITS", "Settings", "reproduce"]


def __getattr__(name: str):
    if name != "reproduce":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from zoo.training.reproduction.blurnet.reproduction import reproduce

    return reproduce
