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

_ATTACKS = {
    "defended": "its gradient, saliency held",
    "through": "through the saliency",
    "transferred": "from the bare classifier",
}
"""What the adversarial images are made on."""


def adaptive(cache: AttackCache) -> Exhibit:
    """Measures PGD on each defended model, whose defense it differentiates."""
    settings = cache.settings
    measured = measure(cache)
    images = next(iter(measured.values()))["images"]
    plain = plain_jpeg(settings.match_quality)
    worsts = {name: row["worst"] for name, row in measured.items()}
    return Exhibit(
        name="adaptive",
        title="Adaptive: the attacker knows the defense",
        header=("", "clean", *_ATTACKS.values(), "**worst**"),
        rows=tuple(_cells(name, row) for name, row in measured.items()),
        notes=(
            f"Accuracy in percent on {images} test images under PGD of "
            f"{settings.steps} steps in L∞ {settings.eps:g}. *Its gradient, "
            "saliency held*: on the defended model itself, passing straight "
            "through JPEG's rounding; the map is computed anew at every step, "
            "and taken for a constant in the gradient. *Through the "
            "saliency*: the gradient of a smoothed compression with respect "
            "to each block's quality goes on through the map and its network. "
            "Plain JPEG has no map. *From the bare classifier*: images made "
            "there, without the defense. *Worst*: each image meets the attack "
            "that it withstands worst; trust this column.",
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


def _measure(cache, name):
    settings, examples = cache.settings, cache.examples
    model = cache.defenses[name]

    def pgd(source):
        return attacks.pgd(
            eps=settings.eps,
            steps=settings.steps,
            seed=settings.seed,
            draws=settings.attack_draws if is_stochastic(source) else 1,
        )

    sources = {}
    if name in SEMANTIC:
        sources["through"] = cache.semantic(name, quality_gradient="soft")
    if name != NONE:
        sources["transferred"] = cache.classifier
    made_on = {"defended": pgd(model)} | {
        kind: attacks.transfer(attack=pgd(source), source=source)
        for kind, source in sources.items()
    }
    report = evaluation.evaluate(
        model,
        (
            examples.images[: settings.attack_limit],
            examples.labels[: settings.attack_limit],
        ),
        list(made_on.values()),
        threat=ThreatModel("linf", settings.eps),
        batch_size=settings.batch_size,
        draws=settings.draws,
        seed=settings.seed,
        resume=settings.workdir / "adaptive" / slug(name),
        progress=settings.progress,
        name=name,
        dataset_name=settings.data,
    )
    (worst,) = report.worst_cases
    return {
        "clean": report.clean_accuracy,
        "images": report.images,
        "robust": {
            kind: result.robust_accuracy
            for kind, result in zip(made_on, report.attacks, strict=True)
        },
        "worst": worst.robust.mean,
        "date": report.date,
    }


def _cells(name, row):
    robust = [row["robust"].get(kind) for kind in _ATTACKS]
    return (
        name,
        f"{100 * row['clean']:.1f}",
        *("–" if one is None else f"{100 * one:.1f}" for one in robust),
        f"**{100 * row['worst']:.1f}**",
    )
