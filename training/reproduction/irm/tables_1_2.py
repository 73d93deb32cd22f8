"""Tables 1 and 2: networks trained at one scale and tested at others."""

from collections.abc import Mapping

import zoo
from zoo.training import attacks
from zoo.training import evaluation
from zoo.training.reproduction.exhibit import Exhibit
from zoo.training.reproduction.irm import paper
from zoo.training.reproduction.irm.evaluation_cache import BASELINE
from zoo.training.reproduction.irm.evaluation_cache import EvaluationCache
from zoo.training.reproduction.irm.evaluation_cache import summary
from zoo.training.reproduction.irm.scale_training import read_at
from zoo.training.reproduction.irm.scale_training import train_at

Reports = Mapping[tuple[int, int], evaluation.Report]

_ORDER = (
    "The paper's head says that rows are test scales, as printed here; its "
    "figure 7 draws the same numbers with rows as training scales."
)


def scale_variance(cache: EvaluationCache) -> Reports:
    """Trains a network at each scale and tests each network at each scale.

    The attack is FGSM transferred from the undefended model, as in the paper.
    At its own scale a network is attacked by FGSM on itself, too.

    Returns:
        A report for each `(training scale, test scale)`.
    """
    settings = cache.settings
    transferred = cache.fgsm(zoo.load(BASELINE))
    own = attacks.fgsm(eps=settings.eps)
    reports = {}
    for trained in settings.scales:
        network = train_at(trained, settings)
        for tested in settings.scales:
            reports[trained, tested] = cache.measure(
                f"trained{trained}-tested{tested}",
                read_at(network, tested, cache.image_shape),
                [transferred, own] if trained == tested else [transferred],
            )
    return reports


def table_1(cache: EvaluationCache, reports: Reports) -> Exhibit:
    """Makes table 1: clean accuracy."""
    accuracies = {key: r.clean_accuracy for key, r in reports.items()}
    own = [accuracies[scale, scale] for scale in cache.settings.scales]
    small, middle, large = cache.settings.scales
    return _table(
        "tab1",
        "Table 1: clean accuracy, training scale by test scale",
        cache,
        reports,
        accuracies,
        paper.CLEAN,
        notes=(
            *(
                cache.verdict(
                    f"Trained at {trained}, it is better at {trained} than at "
                    f"{tested}",
                    accuracies[trained, tested],
                    accuracies[trained, trained],
                )
                for trained in (small, middle, large)
                for tested in (small, middle, large)
                if tested != trained
            ),
            cache.verdict("A larger training scale is more accurate", *own[:2]),
            cache.verdict("And again the next", *own[1:]),
        ),
    )


def table_2(cache: EvaluationCache, reports: Reports) -> Exhibit:
    """Makes table 2: accuracy under FGSM."""
    accuracies = {k: r.attacks[0].robust_accuracy for k, r in reports.items()}
    own = [accuracies[scale, scale] for scale in cache.settings.scales]
    direct = ", ".join(
        f"{scale}: {reports[scale, scale].attacks[1].robust_accuracy:.1%}"
        for scale in cache.settings.scales
    )
    return _table(
        "tab2",
        "Table 2: accuracy under FGSM, training scale by test scale",
        cache,
        reports,
        accuracies,
        paper.FGSM,
        notes=(
            cache.verdict("A smaller scale withstands more", own[1], own[0]),
            cache.verdict("And again the next", own[2], own[1]),
            f"FGSM of L∞ {cache.settings.eps:g} is transferred from "
            f"`{BASELINE}`; the paper gives no radius. On the networks "
            f"themselves, each at its own scale, it leaves {direct}.",
        ),
    )


def _table(name, title, cache, reports, accuracies, printed, *, notes):
    settings = cache.settings
    height = cache.image_shape[0]
    pairs = list(zip(settings.scales, paper.SCALES, strict=True))
    rows = [
        (
            f"test {tested} ({theirs})",
            *(
                f"{100 * accuracies[trained, tested]:.1f} "
                f"({100 * printed[row][column]:.1f})"
                for column, trained in enumerate(settings.scales)
            ),
        )
        for row, (tested, theirs) in enumerate(pairs)
    ]
    return Exhibit(
        name=name,
        title=title,
        header=("", *(f"train {ours} ({theirs})" for ours, theirs in pairs)),
        rows=tuple(rows),
        notes=(
            "In percent, the paper's in brackets. The paper: WRN-28-10 on "
            "110 classes of product photographs of 299 pixels, scales of 32, "
            f"64 and 128. Ours: WRN-16-2 on 10 classes of `{settings.data}`, "
            f"{len(cache.images):,} test images, "
            f"{settings.epochs} epochs of {settings.train_limit:,} images "
            "whose loss is half the clean image's and half its DDN sample's. "
            f"Every image starts from {height} pixels, the paper's from 299, "
            "and is resized to the scale. Our scales are within a factor of "
            f"{max(settings.scales) / min(settings.scales):.1f} of each "
            "other, the paper's within 4, so less is lost between them.",
            _ORDER,
            *notes,
        ),
        data={
            # FGSM transferred; at a network's own scale, also on itself.
            "cells": [
                {
                    "trained": trained,
                    "tested": tested,
                    "fgsm": [a.robust_accuracy for a in report.attacks],
                    **summary(report),
                }
                for (trained, tested), report in reports.items()
            ],
            "paper": printed,
        },
        provenance=cache.provenance(reports.values()),
    )
