"""Evaluations that are kept, so that an interrupted reproduction continues."""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

import zoo
from zoo.training import attacks
from zoo.training import datasets
from zoo.training import evaluation
from zoo.training.datasets.arrays import gather_examples
from zoo.training.reproduction.exhibit import verdict
from zoo.training.reproduction.exhibit_provenance import provenance_of
from zoo.training.reproduction.irm.settings import Settings

BASELINE = "wrn16_2"
"""Undefended preset that FGSM's images are made on."""

NOT_PUBLISHED = "not published"
"""Stands for the numbers of a preset that has no weights."""

# Runs made before evaluations were called so are in it, and go on from there.
_FOLDER = "cells"


class EvaluationCache:
    """Evaluates models on the test images and keeps the results.

    Args:
        settings: Give the test images and the folder for finished batches.
    """

    def __init__(self, settings: Settings):
        self.settings = settings
        test = datasets.load(settings.data, data_dir=settings.data_dir)
        self.images, self.labels = gather_examples(
            test.batch(settings.batch_size), limit=settings.limit
        )

    def measure(
        self,
        name: str,
        model: keras.Model,
        against: Sequence[Callable],
        *,
        limit: int | None = None,
        **options: Any,
    ) -> evaluation.Report:
        """Returns a model's report; finished batches are read, not repeated.

        Args:
            name: Name of the report and of its folder.
            model: Model to evaluate.
            against: Attacks to run on it.
            limit: Number of images, from the first; `None` takes all.
            options: Further options of `evaluation.evaluate`.

        Raises:
            ValueError: If the folder holds an evaluation with other settings.
        """
        settings = self.settings
        return evaluation.evaluate(
            model,
            (self.images[:limit], self.labels[:limit]),
            against,
            batch_size=settings.batch_size,
            draws=settings.draws,
            seed=settings.seed,
            resume=settings.workdir / _FOLDER / name,
            progress=settings.progress,
            name=name,
            dataset_name=settings.data,
            **options,
        )

    def fgsm(self, source: keras.Model) -> attacks.Attack:
        """Returns FGSM on the undefended model, transferred as in the paper."""
        return attacks.transfer(
            attack=attacks.fgsm(eps=self.settings.eps), source=source
        )

    def verdict(
        self, text: str, lower: float | None, higher: float | None
    ) -> str:
        """Returns `exhibit.verdict` on two fractions of the test images."""
        return verdict(text, lower, higher, images=len(self.images))

    def provenance(
        self, reports: Iterable[evaluation.Report]
    ) -> dict[str, Any]:
        """Returns what an exhibit was measured with."""
        reports = list(reports)
        commits = {report.commit or "unknown" for report in reports}
        measured = max((report.date for report in reports), default=None)
        return provenance_of(self.settings, commits) | {"date": measured}

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """`(height, width, channels)` of the test images."""
        return tuple(np.shape(self.images)[1:])


def published(name: str) -> bool:
    """Returns whether there is a preset of this name with weights."""
    return name in zoo.list_models() and zoo.info(name).trained


def summary(report: evaluation.Report) -> dict[str, Any]:
    """Returns what a table's JSON keeps of a report."""
    return {
        "clean": report.clean_accuracy,
        "clean_interval": list(report.clean.interval),
        "images": report.images,
        "draws": report.draws,
        "weights": report.weights,
        "batch_size": report.batch_size,
        "date": report.date,
        "commit": report.commit,
    }
