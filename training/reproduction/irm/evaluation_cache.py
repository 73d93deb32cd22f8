"""Measurements that are kept, so that a killed reproduction goes on."""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from zoo.training import attacks
from zoo.training import datasets
from zoo.training import evaluation
from zoo.training.datasets.arrays import gather_examples
from zoo.training.evaluation import provenance
from zoo.training.reproduction.exhibit import verdict
from zoo.training.reproduction.irm.settings import Settings


class EvaluationCache:
    """Evaluates models on the test images, each cell of a table once.

    Args:
        settings: Say what images, and where finished batches are kept.
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
        """Returns the report of a cell, of finished batches where there are.

        Args:
            name: The cell's, and its folder's.
            model: Model to evaluate.
            against: Attacks to run on it.
            limit: Images, from the front; `None` takes all.
            options: Others of `evaluation.evaluate`.

        Raises:
            ValueError: If the folder holds a cell of other settings.
        """
        settings = self.settings
        return evaluation.evaluate(
            model,
            (self.images[:limit], self.labels[:limit]),
            against,
            batch_size=settings.batch_size,
            draws=settings.draws,
            seed=settings.seed,
            resume=settings.workdir / "cells" / name,
            progress=settings.progress,
            name=name,
            dataset_name=settings.data,
            **options,
        )

    def fgsm(self, source: keras.Model) -> attacks.Attack:
        """FGSM on the undefended model, to be transferred as in the paper."""
        return attacks.transfer(
            attack=attacks.fgsm(eps=self.settings.eps), source=source
        )

    def verdict(
        self, text: str, lower: float | None, higher: float | None
    ) -> str:
        """Returns `claim` of two fractions of the test images."""
        return verdict(text, lower, higher, images=len(self.images))

    def provenance(
        self, reports: Iterable[evaluation.Report]
    ) -> dict[str, Any]:
        """Returns what a part was measured with."""
        reports = list(reports)
        commits = {report.commit or "unknown" for report in reports}
        return {
            "settings": self.settings.to_dict(),
            "seed": self.settings.seed,
            "commit": ", ".join(sorted(commits)),
            "versions": provenance.versions(),
            "date": max((report.date for report in reports), default=None),
        }

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Shape of a test image."""
        return tuple(np.shape(self.images)[1:])


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
