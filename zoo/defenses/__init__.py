"""The defenses that `zoo.defend` puts around a classifier, one a module."""

from zoo.defenses.blurnet import blurnet
from zoo.defenses.irm import irm
from zoo.defenses.jpeg import jpeg
from zoo.defenses.semantic_jpeg import semantic_jpeg

__all__ = ["blurnet", "irm", "jpeg", "semantic_jpeg"]
