"""Builders of every architecture in the zoo."""

from zoo.models.irm import irm
from zoo.models.wide_resnet import wide_resnet

__all__ = ["irm", "wide_resnet"]
