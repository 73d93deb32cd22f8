"""The tables and figures of the BlurNet paper."""

from zoo.training.reproduction.blurnet.reproduction import PARTS
from zoo.training.reproduction.blurnet.reproduction import reproduce
from zoo.training.reproduction.blurnet.settings import Settings

__all__ = ["PARTS", "Settings", "reproduce"]
