"""Honest measures of robustness: evaluate a model, report, compare."""

from training.evaluation.curves import curves
from training.evaluation.evaluate import evaluate
from training.evaluation.panel import Panel
from training.evaluation.picture import picture
from training.evaluation.report import Report
from training.evaluation.scale_weights import ScaleWeights
from training.evaluation.scale_weights import search_scale_weights
from training.evaluation.sticker_scores import StickerScores
from training.evaluation.sticker_scores import score_stickers

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
