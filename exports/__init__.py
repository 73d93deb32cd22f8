"""Exports classifiers to formats that a server runs without Python."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoo.exports import serving as serving
    from zoo.exports.c_api import SavedModelSession as SavedModelSession
    from zoo.exports.saved_model.save import ExportReport as ExportReport
    from zoo.exports.saved_model.save import save as save

_MODULES = {
    "ExportReport": "zoo.exports.saved_model.save",
    "SavedModelSession": "zoo.exports.c_api",
    "save": "zoo.exports.saved_model.save",
}
"""Where names are. A client of servers imports no TensorFlow for them."""

__all__ = ["ExportReport", "SavedModelSession", "save", "serving"]


def __getattr__(name: str):
    if name == "serving":
        return importlib.import_module("zoo.exports.serving")
    if name in _MODULES:
        return getattr(importlib.import_module(_MODULES[name]), name)
    raise AttributeError(f"module 'zoo.exports' has no attribute {name!r}")
