"""The tables and figures of the IRM paper."""

from training.reproduction.irm.reproduction import PARTS
from training.reproduction.irm.reproduction import reproduce
from training.reproduction.irm.settings import Settings

__all__ = ["PARTS", "Settings", "reproduce"]
