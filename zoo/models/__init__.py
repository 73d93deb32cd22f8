"""Builders of every architecture in the zoo."""

from zoo.models.irm import irm
from zoo.models.jpeg_wide_resnet import jpeg_wide_resnet
from zoo.models.wide_resnet import wide_resnet

__all__ = ["irm", "jpeg_wide_resnet", "wide_resnet"]
