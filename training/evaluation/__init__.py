"""Honest measures of robustness: evaluate a model, report, compare."""

from training.evaluation.curves import curves
from training.evaluation.evaluate import evaluate
from training.evaluation.panel import Panel
from training.evaluation.picture import picture
from training.evaluation.report import Report

__all__ = ["Panel", "Report", "curves", "evaluate", "picture"]
