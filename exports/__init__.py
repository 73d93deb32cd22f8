"""Exports classifiers to formats that a server runs without Python."""

from exports.c_api import SavedModelSession as SavedModelSession
from exports.report import ExportReport as ExportReport
from exports.saved_model import save as save
