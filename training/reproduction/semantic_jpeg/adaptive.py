"""Attacks that know the defense, with their gradient through the saliency
and with it held."""

from typing import Any

from zoo.inspection import is_stochastic
from zoo.threat import ThreatModel
from zoo.training import attacks
from zoo.training import evaluation
from zoo.training.reproduction.exhibit import Exhibit
from zoo.training.reproduction.exhibit import verdict
from zoo.training.reproduction.semantic_jpeg.attack_cache import AUGMENTED
from zoo.training.reproduction.semantic_jpeg.attack_cache import EQUAL
from zoo.training.reproduction.semantic_jpeg.attack_cache import (
    MATCHED_AUGMENTED,
)
from zoo.training.reproduction.semantic_jpeg.attack_cache import MATCHED_MSROI
from zoo.training.reproduction.semantic_jpeg.attack_cache import MSROI
from zoo.training.reproduction.semantic_jpeg.attack_cache import NONE
from zoo.training.reproduction.semantic_jpeg.attack_cache import SEMANTIC
from zoo.training.reproduction.semantic_jpeg.attack_cache import AttackCache
from zoo.training.reproduction.semantic_jpeg.attack_cache import plain_jpeg
from zoo.training.reproduction.semantic_jpeg.attack_cache import slug

_GRADIENTS = {"held": "none", "through": "soft"}
"""How the quality map is differentiated, by what the attack does with it."""


def adaptive(cache: AttackCache) -> Exhibit:
    """Measures PGD on each defended model, whose defense it differentiates."""
    settings = cache.settings
    measured = measure(cache)
    rows = []
    for name, row in measured.items():
        robust = row["robust"]
        cells = (
            [robust["held"], robust["through"]]
            if len(robust) > 1
            else [robust["straight"], None]
        )
        rows.append(
            (
                name,
                f"{100 * row['clean']:.1f}",
                *("–" if c is None else f"{100 * c:.1f}" for c in cells),
                f"{100 * worst(row):.1f}",
            )
        )
    images = next(iter(measured.values()))["images"]
    plain = plain_jpeg(settings.match_quality)
    worsts = {name: worst(row) for name, row in measured.items()}
    return Exhibit(
        name="adaptive",
        title="Adaptive: the attacker knows the defense",
        header=(
            *("", "clean", "saliency held", "through the saliency", "worst"),
        ),
        rows=tuple(rows),
        notes=(
            f"Accuracy in percent on {images} test images under PGD of "
            f"{settings.steps} steps in L∞ {settings.eps:g}, run on the "
            "defended model itself. Its gradient passes straight through "
            "JPEG's rounding. *Saliency held*: the map is computed anew at "
            "every step, and taken for a constant in the gradient. *Through "
            "the saliency*: the gradient of a smoothed compression with "
            "respect to each block's quality goes on through the map and its "
            "network. Plain JPEG has no map, so one number. *Worst*: the "
            "lower of both; trust this column.",
            f"Against Aug-MSROI each gradient is the mean over "
            f"{settings.attack_draws} predictions, each a map of "
            f"{settings.map_draws} draws of the noise; its images are scored "
            f"by {settings.draws} predictions.",
            *(
                verdict(
                    f"{name} withstands an attacker who knows it better than "
                    f"{other} does",
                    worsts[other],
                    worsts[name],
                    images=images,
                )
                for name, other in (
                    (AUGMENTED, NONE),
                    (AUGMENTED, EQUAL),
                    (AUGMENTED, MSROI),
                    (MATCHED_AUGMENTED, plain),
                    (MATCHED_AUGMENTED, MATCHED_MSROI),
                )
            ),
        ),
        data={"rows": measured},
        provenance=cache.provenance(),
    )


def measure(cache: AttackCache) -> dict[str, dict[str, Any]]:
    """Returns clean and robust accuracies of each defense that is compared.

    Plain JPEG is compared at the bytes of semantic JPEG alone. Finished
    batches are read, not repeated.

    Raises:
        ValueError: If the folder holds an evaluation with other settings.
    """
    plain = plain_jpeg(cache.settings.match_quality)
    return {
        name: _measure(cache, name) for name in (NONE, plain, EQUAL, *SEMANTIC)
    }


def worst(row: dict[str, Any]) -> float:
    """Returns the lowest robust accuracy of a row of `measure`."""
    return min(row["robust"].values())


def _measure(cache, name):
    if name in SEMANTIC:
        models = {
            kind: cache.semantic(name, quality_gradient=gradient)
            for kind, gradient in _GRADIENTS.items()
        }
    else:
        models = {"straight": cache.defenses[name]}
    settings, examples = cache.settings, cache.examples
    reports = {}
    for kind, model in models.items():
        attack = attacks.pgd(
            eps=settings.eps,
            steps=settings.steps,
            seed=settings.seed,
            draws=settings.attack_draws if is_stochastic(model) else 1,
        )
        reports[kind] = evaluation.evaluate(
            model,
            (
                examples.images[: settings.attack_limit],
                examples.labels[: settings.attack_limit],
            ),
            [attack],
            threat=ThreatModel("linf", settings.eps),
            batch_size=settings.batch_size,
            draws=settings.draws,
            seed=settings.seed,
            resume=settings.workdir / "adaptive" / f"{slug(name)}-{kind}",
            progress=settings.progress,
            name=name,
            dataset_name=settings.data,
        )
    first = next(iter(reports.values()))
    return {
        "clean": first.clean_accuracy,
        "images": first.images,
        "robust": {
            kind: report.attacks[0].robust_accuracy
            for kind, report in reports.items()
        },
        "date": first.date,
    }
