"""The tables and figures of the BlurNet paper."""

from training.reproduction.blurnet.reproduction import PARTS
from training.reproduction.blurnet.reproduction import reproduce
from training.reproduction.blurnet.settings import Settings

__all__ = ["PARTS", "Settings", "reproduce"]
