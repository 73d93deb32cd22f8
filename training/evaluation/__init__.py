"""Evaluates models under attack, and reports and draws the results."""

from zoo.training.evaluation.evaluate import evaluate
from zoo.training.evaluation.plots.attack_picture import AttackedImages
from zoo.training.evaluation.plots.attack_picture import picture
from zoo.training.evaluation.plots.curves import curves
from zoo.training.evaluation.plots.explanation import explain
from zoo.training.evaluation.plots.explanation import explanation_picture
from zoo.training.evaluation.results.report import Report
from zoo.training.evaluation.scale_weights import ScaleWeights
from zoo.training.evaluation.scale_weights import search_scale_weights
from zoo.training.evaluation.sticker_evaluation import check_exact
from zoo.training.evaluation.sticker_evaluation import evaluate_stickers
from zoo.training.evaluation.stickers import StickerScores
from zoo.training.evaluation.stickers import score_stickers

__all__ = [
    "AttackedImages",
    "Report",
    "ScaleWeights",
    "StickerScores",
    "check_exact",
    "curves",
    "evaluate",
    "evaluate_stickers",
    "explain",
    "explanation_picture",
    "picture",
    "score_stickers",
    "search_scale_weights",
]
