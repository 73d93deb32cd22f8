"""Honest measures of robustness: evaluate a model, report, compare."""

from zoo.training.evaluation.curves import curves
from zoo.training.evaluation.evaluate import evaluate
from zoo.training.evaluation.panel import Panel
from zoo.training.evaluation.picture import picture
from zoo.training.evaluation.report import Report
from zoo.training.evaluation.scale_weights import ScaleWeights
from zoo.training.evaluation.scale_weights import search_scale_weights
from zoo.training.evaluation.sticker_scores import StickerScores
from zoo.training.evaluation.sticker_scores import score_stickers

__all__ = [
    "Panel",
    "Report",
    "ScaleWeights",
    "StickerScores",
    "curves",
    "evaluate",
    "picture",
    "score_stickers",
    "search_scale_weights",
]
