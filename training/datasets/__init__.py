"""Data sets by name, or from folders of pictures.

Importing the package loads no TensorFlow; `load` does.
"""

import importlib

from zoo.training.datasets.lisa_classes import LISA_CLASSES

__all__ = [
    "LISA_CLASSES",
    "class_folders",
    "is_folder",
    "is_resized",
    "label_names",
    "load",
    "load_features",
    "split_folder",
]

_MODULES = {
    "class_folders": "zoo.training.datasets.image_folder",
    "is_folder": "zoo.training.datasets.registry",
    "is_resized": "zoo.training.datasets.loading",
    "label_names": "zoo.training.datasets.loading",
    "load": "zoo.training.datasets.loading",
    "load_features": "zoo.training.datasets.loading",
    "split_folder": "zoo.training.datasets.image_folder",
}


def __getattr__(name: str):
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)
