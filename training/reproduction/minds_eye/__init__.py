"""The tables and figures of "The Artificial Mind's Eye".

Importing the package loads no TensorFlow; `reproduce` does.
"""

from zoo.training.reproduction.minds_eye.settings import EXHIBITS
from zoo.training.reproduction.minds_eye.settings import Settings

__all__ = ["EXHIBITS", "Settings", "reproduce"]


def __getattr__(name: str):
    if name != "reproduce":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from zoo.training.reproduction.minds_eye.reproduction import reproduce

    return reproduce
