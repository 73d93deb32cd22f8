"""Exports classifiers to formats that a server runs without Python."""

from zoo.exports.c_api import SavedModelSession
from zoo.exports.saved_model.save import ExportReport
from zoo.exports.saved_model.save import save

__all__ = ["ExportReport", "SavedModelSession", "save"]
