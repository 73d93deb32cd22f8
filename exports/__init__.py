"""Exports classifiers to formats that a server runs without Python."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoo.exports import serving as serving
    from zoo.exports.c_api import SavedModelSession as SavedModelSession
    from zoo.exports.formats.convert import ConversionReport as ConversionReport
    from zoo.exports.formats.convert import convert as convert
    from zoo.exports.formats.runtimes import load_converted as load_converted
    from zoo.exports.saved_model.save import ExportReport as ExportReport
    from zoo.exports.saved_model.save import save as save

_MODULES = {
    "ConversionReport": "zoo.exports.formats.convert",
    "ExportReport": "zoo.exports.saved_model.save",
    "SavedModelSession": "zoo.exports.c_api",
    "convert": "zoo.exports.formats.convert",
    "load_converted": "zoo.exports.formats.runtimes",
    "save": "zoo.exports.saved_model.save",
}
"""Where names are. A client of servers imports no TensorFlow for them."""

__all__ = [
    "ConversionReport",
    "ExportReport",
    "SavedModelSession",
    "convert",
    "load_converted",
    "save",
    "serving",
]


def __getattr__(name: str):
    if name == "serving":
        return importlib.import_module("zoo.exports.serving")
    if name in _MODULES:
        return getattr(importlib.import_module(_MODULES[name]), name)
    raise AttributeError(f"module 'zoo.exports' has no attribute {name!r}")
