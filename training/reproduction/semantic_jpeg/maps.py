"""Where attacks land, and what they do to saliency maps."""

from collections.abc import Iterable

import numpy as np
from scipy import stats

from zoo.models import saliency_model
from zoo.training.reproduction.exhibit import Exhibit
from zoo.training.reproduction.semantic_jpeg import paper
from zoo.training.reproduction.semantic_jpeg.attack_cache import CLEAN
from zoo.training.reproduction.semantic_jpeg.attack_cache import ON_NETWORK
from zoo.training.reproduction.semantic_jpeg.attack_cache import AttackCache

ATTACKS = paper.ATTACKS | {ON_NETWORK: "IGSM on MSROI"}


def location(cache: AttackCache) -> Exhibit:
    """Measures how much of each attack's change is on the object."""
    examples = cache.examples
    areas = examples.masks.mean((1, 2))
    rows = {}
    for attack in ATTACKS:
        change = cache.attacked(attack) - examples.images
        energy = (change**2).sum(-1)
        total = energy.sum((1, 2))
        changed = total > 0
        share = (energy * examples.masks).sum((1, 2))[changed] / total[changed]
        rows[attack] = {
            "changed": int(changed.sum()),
            "share": mean_and_error(share),
            "ratio": mean_and_error(share / areas[changed]),
            "auc": mean_and_error(
                auc(one, mask)
                for one, mask in zip(
                    energy[changed], examples.masks[changed], strict=True
                )
            ),
        }
    return Exhibit(
        name="location",
        title="Where attacks land",
        header=(
            *("attack", "images changed", "energy on the object, %"),
            *("times the object's area", "AUC of the energy"),
        ),
        rows=tuple(
            (
                ATTACKS[attack],
                str(row["changed"]),
                shown(row["share"], scale=100, digits=1),
                shown(row["ratio"], digits=2),
                shown(row["auc"]),
            )
            for attack, row in rows.items()
        ),
        notes=(
            "Mean and 1.96 standard errors over the images that the attack "
            "changes. *Energy*: the sum of the squared changes; *times the "
            "object's area*: its share on the object over the object's share "
            f"of the image, {100 * areas.mean():.1f} % in the mean; 1 for an "
            "attack that knows nothing of the object. *AUC*: how surely a "
            "pixel of the object is changed more than one of the background; "
            "0.5 for such an attack.",
            "The slides say that attacks are agnostic to the object's place: "
            + _agnostic(rows),
        ),
        data={"rows": rows, "area": float(areas.mean())},
        provenance=cache.provenance(),
    )


def stability(cache: AttackCache) -> Exhibit:
    """Measures maps against the object's mask, clean and attacked."""
    examples = cache.examples
    variants = _variants(cache.settings)
    rows = {}
    for name, options in variants.items():
        model = saliency_model(
            cache.network,
            seed=cache.settings.seed,
            **{"draws": cache.settings.map_draws} | options,
        )
        maps = {
            attack: cache.run(model, cache.attacked(attack), attack)
            for attack in (CLEAN, *ATTACKS)
        }
        aucs = {
            attack: [
                auc(one, mask)
                for one, mask in zip(drawn, examples.masks, strict=True)
            ]
            for attack, drawn in maps.items()
        }
        rows[name] = {
            "auc": {attack: mean_and_error(v) for attack, v in aucs.items()},
            "fall": {
                attack: np.subtract(aucs[CLEAN], aucs[attack]).round(5).tolist()
                for attack in ATTACKS
            },
            "correlation": {
                attack: mean_and_error(
                    correlation(one, other)
                    for one, other in zip(
                        maps[CLEAN], maps[attack], strict=True
                    )
                )
                for attack in ATTACKS
            },
        }
    return Exhibit(
        name="stability",
        title="Stability of the map under attack",
        header=(
            *("map", "AUC, clean", "AUC, attacked", "lowest AUC"),
            *("correlation", "lowest correlation"),
        ),
        rows=tuple(_cells(name, row) for name, row in rows.items()),
        notes=(
            f"Means over {len(examples.images)} test images. *AUC*: how "
            "surely a pixel of the object has a larger value in the map than "
            "one of the background, against the true mask. *Correlation*: "
            "Pearson's, of the maps of the clean and the attacked image. Both "
            "are the mean of all attacks, and the lowest beside it. The "
            "attacks are made on the classifier, *IGSM on MSROI* on the "
            "network whose maps these are.",
            *_falls(rows),
        ),
        data={"rows": rows},
        provenance=cache.provenance(),
    )


def auc(scores: np.ndarray, mask: np.ndarray) -> float:
    """Returns the area under the ROC curve; ties count half.

    Args:
        scores: Of any shape.
        mask: Which are positive, of that shape; some, but not all.
    """
    ranks = stats.rankdata(scores)
    positive = mask.ravel()
    count = int(positive.sum())
    above = ranks[positive].sum() - count * (count + 1) / 2
    return float(above / (count * (positive.size - count)))


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Returns Pearson's correlation, 0 where one of both is constant."""
    one, other = one.ravel() - one.mean(), other.ravel() - other.mean()
    scale = np.linalg.norm(one) * np.linalg.norm(other)
    return float(one @ other / scale) if scale else 0.0


def mean_and_error(values: Iterable[float]) -> list[float] | None:
    """Returns the mean and 1.96 standard errors of it; `None` of nothing."""
    values = np.array(list(values))
    if not len(values):
        return None
    error = 1.96 * values.std() / np.sqrt(len(values))
    return [float(values.mean()), float(error)]


def shown(
    value: list[float] | None, *, scale: float = 1, digits: int = 3
) -> str:
    """Returns a mean and its error as text."""
    if value is None:
        return "–"
    return " ± ".join(f"{scale * number:.{digits}f}" for number in value)


def _agnostic(rows):
    """Says which attacks prefer the object or the background."""
    apart = [
        f"{ATTACKS[attack]} "
        + ("(the object)" if row["ratio"][0] > 1 else "(the background)")
        for attack, row in rows.items()
        if row["ratio"] and abs(row["ratio"][0] - 1) > row["ratio"][1]
    ]
    if not apart:
        return "holds."
    return (
        f"**does not hold** for {', '.join(apart)}, which prefer what is in "
        "brackets: the share of the energy is apart from that of the area by "
        "more than 1.96 standard errors."
    )


def _variants(settings):
    """Returns the options of each map that is compared, MSROI's first."""
    augmented = {
        f"Aug-MSROI, noise {noise:g}": {"augmented": True, "noise": noise}
        for noise in settings.noises
    }
    chosen = {"augmented": True, "noise": settings.noise}
    return {
        "MSROI": {},
        "MSROI, sum of all classes": {"fold": "threshold"},
        "MSROI, classes above 0": {"fold": "threshold", "threshold": 0.0},
        **augmented,
        "Aug-MSROI, uniform": chosen | {"distribution": "uniform"},
        "Aug-MSROI, sum of all classes": chosen | {"fold": "threshold"},
        "Aug-MSROI, one draw": chosen | {"draws": 1},
    }


def _cells(name, row):
    cells = [name, shown(row["auc"][CLEAN])]
    for measure in ("auc", "correlation"):
        means = {attack: row[measure][attack][0] for attack in ATTACKS}
        lowest = min(means, key=means.get)
        cells += [
            f"{np.mean(list(means.values())):.3f}",
            f"{means[lowest]:.3f} ({ATTACKS[lowest]})",
        ]
    return tuple(cells)


def _falls(rows):
    """Yields what each map of noise loses less than MSROI's, with errors."""
    base = rows["MSROI"]["fall"]
    for name, row in rows.items():
        if not name.startswith("Aug-MSROI, noise"):
            continue
        less = mean_and_error(
            np.mean(
                [
                    np.subtract(base[attack], row["fall"][attack])
                    for attack in ATTACKS
                ],
                axis=0,
            )
        )
        if abs(less[0]) <= less[1]:
            said = "**undecided**, within chance"
        else:
            said = "holds" if less[0] > 0 else "**does not hold**"
        yield (
            f"{name}: its AUC falls by less than MSROI's, mean of all "
            f"attacks: {said} (by {shown(less)} less)."
        )
