"""The models that can be loaded by name."""

from zoo.presets import composed_photos
from zoo.presets import fashion_mnist
from zoo.presets import paper
from zoo.presets import rendered_objects
from zoo.presets import rendered_signs
from zoo.presets.base import Preset
from zoo.presets.base import UnknownPresetError
from zoo.presets.base import get
from zoo.presets.base import names
from zoo.presets.base import register

__all__ = [
    "Preset",
    "UnknownPresetError",
    "composed_photos",
    "fashion_mnist",
    "get",
    "names",
    "paper",
    "register",
    "rendered_objects",
    "rendered_signs",
]
