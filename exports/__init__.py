"""Exports classifiers to formats that a server runs without Python."""

from exports.c_api import SavedModelSession
from exports.report import ExportReport
from exports.saved_model import save

__all__ = ["ExportReport", "SavedModelSession", "save"]
