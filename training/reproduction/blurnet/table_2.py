"""Table 2: stickers made on the model itself, and adaptive ones."""

import operator
import statistics
from collections.abc import Mapping
from typing import Any

import numpy as np

from zoo.inspection import all_layers
from zoo.training.evaluation.stickers import StickerScores
from zoo.training.reproduction.blurnet import paper
from zoo.training.reproduction.blurnet.sticker_cache import SIZE
from zoo.training.reproduction.blurnet.sticker_cache import StickerCache
from zoo.training.reproduction.exhibit import Exhibit
from zoo.training.reproduction.exhibit import mean_and_std
from zoo.training.reproduction.exhibit import verdict

_DEFENSES = tuple(name for name in paper.WHITE_BOX if name != paper.BASELINE)


def table_2(cache: StickerCache) -> Exhibit:
    """Measures table 2."""
    rows = {
        name: None if cache.model(name) is None else _measure(cache, name)
        for name in paper.WHITE_BOX
    }
    return Exhibit(
        name="tab2",
        title="Table 2: white box, stickers made on the model itself",
        header=(
            *("preset", "in the paper", "accuracy, test split"),
            "accuracy on the sign",
            *("average success", "worst success", "L2 dissimilarity"),
        ),
        rows=tuple(
            _cells(name, row, cache.missing) for name, row in rows.items()
        ),
        notes=(
            "Accuracies and success in percent, the paper's in brackets; "
            "mean and standard deviation over the signs. Each network was "
            "trained once, so rows also differ by the chance of a training "
            "run. *Accuracy on the sign*: without a sticker. *Success*: "
            "predictions that change: the average over the targets, and the "
            "target with the highest success on a sign.",
            f"{cache.described()} The authors' sticker for LISA has 30 "
            "pixels. The perturbation is added to the pixels of each view. "
            "The attack has the model's exact gradient, filter included. "
            "Attacks that use more knowledge are in the adaptive table.",
            *(
                _verdict(name, measure, rows)
                for name in _DEFENSES
                for measure in ("average", "worst")
            ),
        ),
        data={"rows": rows, "paper": paper.WHITE_BOX},
        provenance=cache.provenance(*paper.WHITE_BOX),
    )


def adaptive_table(cache: StickerCache) -> Exhibit:
    """Measures attacks that know the defense, beside table 2's."""
    settings = cache.settings
    rows = {name: _adaptive(cache, name) for name in paper.WHITE_BOX}
    titles = {
        "plain": "RP2",
        "regularizer": "+ the defender's penalty",
        "frequencies": f"lowest {settings.frequencies} frequencies",
    }
    return Exhibit(
        name="adaptive",
        title="Adaptive: the attacker knows the defense",
        header=(
            "preset",
            *(
                f"{title}, {measure}"
                for title in titles.values()
                for measure in ("average", "worst")
            ),
        ),
        rows=tuple(
            (
                f"`{name}`" + (f": {cache.missing}" if row is None else ""),
                *(
                    mean_and_std(row[kind][measure])
                    if row and row[kind]
                    else "–"
                    for kind in titles
                    for measure in ("average", "worst")
                ),
            )
            for name, row in rows.items()
        ),
        notes=(
            f"Success in percent, as in table 2. {cache.described()} "
            "*+ the defender's penalty*: the total variation of the first "
            f"feature maps, times {settings.defense_weight:g}, is added to "
            "the attack's loss; penalties on weights don't depend on the "
            "sticker. *Lowest "
            f"frequencies*: the perturbation keeps to {settings.frequencies} "
            f"of {SIZE} DCT frequencies along each side, before the mask, "
            "whose edges stay sharp. The paper's abstract has one number: an "
            "adaptive attack's success fell from 90 % to 20 % with total "
            "variation.",
            *(
                f"`{name}`: a first feature map's total variation on the "
                "held-out views is "
                + ", ".join(
                    f"{statistics.mean(values):.3g} {when}"
                    for when, values in row["variation"].items()
                )
                + "."
                for name, row in rows.items()
                if row and row["variation"]
            ),
        ),
        data={"rows": rows},
        provenance=cache.provenance(*paper.WHITE_BOX),
    )


def _measure(cache: StickerCache, name: str) -> dict[str, Any]:
    return {
        **sticker_success(cache, name),
        "accuracy": cache.legitimate_accuracy(cache.model(name)),
        "sign_accuracy": cache.sign_accuracy(cache.model(name)),
    }


def _adaptive(cache, name):
    model, settings = cache.model(name), cache.settings
    if model is None:
        return None
    row = {
        "plain": sticker_success(cache, name),
        "regularizer": None,
        "frequencies": sticker_success(
            cache, name, frequencies=settings.frequencies
        ),
        "variation": None,
    }
    penalties = (layer.activity_regularizer for layer in all_layers(model))
    penalty = next(filter(None, penalties), None)
    if penalty is not None:
        # RP2 adds the model's penalty, which alpha is a factor of.
        weight = settings.defense_weight / penalty.alpha
        row["regularizer"] = sticker_success(cache, name, defense_weight=weight)
        row["variation"] = _variation(
            cache, name, penalty.alpha, defense_weight=weight
        )
    return row


def _variation(cache, name, alpha, **adaptive) -> dict[str, list[float]]:
    """Returns a first map's total variation for each sign, by sticker."""
    model = cache.model(name)

    def variation(images):
        model(images, training=False)
        return float(sum(model.losses)) / alpha

    def mean(seed, **options):
        stickers = cache.stickers(name, seed, **options)
        sign = cache.sign(seed)
        return statistics.mean(variation(sign.apply(s)) for s in stickers)

    return {
        "without a sticker": [
            variation(cache.sign(seed).held_out) for seed in cache.seeds
        ],
        "with RP2's": [mean(seed) for seed in cache.seeds],
        "with adaptive ones": [mean(seed, **adaptive) for seed in cache.seeds],
    }


def sticker_success(
    cache: StickerCache, name: str, **adaptive: Any
) -> dict[str, list]:
    """Returns the success of a model's own stickers, an entry for each sign.

    Args:
        cache: Has the model.
        name: The model's.
        adaptive: Further options of `rp2`.
    """
    scores = [
        cache.score(
            cache.model(name), cache.stickers(name, seed, **adaptive), seed
        )
        for seed in cache.seeds
    ]
    return {
        "average": [s.average_success for s in scores],
        "worst": [s.worst_success for s in scores],
        "dissimilarity": [s.average_dissimilarity for s in scores],
        "success_by_target": [_by_target(s, s.success) for s in scores],
        "targeted_by_target": [_by_target(s, s.targeted) for s in scores],
    }


def _by_target(scores: StickerScores, values: np.ndarray) -> dict[str, float]:
    return {
        str(target): float(value)
        for target, value in zip(scores.targets, values, strict=True)
    }


def _verdict(name: str, measure: str, rows: Mapping) -> str:
    """Says whether stickers fool a defense less often than the baseline."""
    baseline = rows[paper.BASELINE]
    text = f"`{name}` lowers the {measure} success"
    if rows[name] is None or baseline is None:
        return verdict(text, None, None)
    ours, theirs = rows[name][measure], baseline[measure]
    pairs = list(zip(ours, theirs, strict=True))
    lower, higher = (
        sum(better(a, b) for a, b in pairs)
        for better in (operator.lt, operator.gt)
    )
    text += f" (on {lower} of {len(pairs)} signs)"
    if max(lower, higher) < len(pairs):
        return f"{text}: **no clear difference**."
    return verdict(text, float(np.mean(ours)), float(np.mean(theirs)))


def _cells(name, row, missing):
    title, *printed = paper.WHITE_BOX[name]
    if row is None:
        ours, sign_accuracy = (missing, *("–",) * 3), "–"
    else:
        sign_accuracy = f"{100 * row['sign_accuracy']:.1f}"
        ours = (
            f"{100 * row['accuracy']:.1f}",
            mean_and_std(row["average"]),
            mean_and_std(row["worst"]),
            mean_and_std(row["dissimilarity"], percent=False),
        )
    *percents, dissimilarity = printed
    theirs = [*(f"{100 * p:.1f}" for p in percents), f"{dissimilarity:.3f}"]
    accuracy, *rest = (f"{a} ({b})" for a, b in zip(ours, theirs, strict=True))
    return (f"`{name}`", title, accuracy, sign_accuracy, *rest)
