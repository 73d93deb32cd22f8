"""Exports classifiers to formats that a server runs without Python."""

from zoo.exports.c_api import SavedModelSession
from zoo.exports.formats.convert import ConversionReport
from zoo.exports.formats.convert import convert
from zoo.exports.formats.runtimes import load_converted
from zoo.exports.saved_model.save import ExportReport
from zoo.exports.saved_model.save import save

__all__ = [
    "ConversionReport",
    "ExportReport",
    "SavedModelSession",
    "convert",
    "load_converted",
    "save",
]
