"""The tables and figures of the IRM paper."""

from zoo.training.reproduction.irm.reproduction import PARTS
from zoo.training.reproduction.irm.reproduction import reproduce
from zoo.training.reproduction.irm.settings import Settings

__all__ = ["PARTS", "Settings", "reproduce"]
