"""Table 1: stickers made on the baseline, shown to fixed filters."""

import keras
import numpy as np

import zoo
from zoo.training.reproduction.blurnet import paper
from zoo.training.reproduction.blurnet.sticker_cache import StickerCache
from zoo.training.reproduction.exhibit import Exhibit
from zoo.training.reproduction.exhibit import mean_and_std
from zoo.training.reproduction.exhibit import verdict

_FIXED = tuple(name for name in paper.BLACK_BOX if name != paper.BASELINE)


def table_1(cache: StickerCache) -> Exhibit:
    """Measures table 1.

    Raises:
        ValueError: If the baseline has no weights.
    """
    baseline = cache.model(paper.BASELINE)
    if baseline is None:
        raise ValueError(
            f"Table 1 needs the weights of {paper.BASELINE}, on which its "
            "stickers are made. Received: "
            f"weights={cache.settings.weights}"
        )
    victims = {name: cache.model(name) for name in paper.BLACK_BOX}
    victims |= {
        f"{name}, put into {paper.BASELINE}": _with_filter(name, baseline)
        for name in _FIXED
    }
    rows = {
        title: None if model is None else _measure(cache, model)
        for title, model in victims.items()
    }
    own = rows[paper.BASELINE]
    return Exhibit(
        name="tab1",
        title="Table 1: black box, stickers made on the baseline",
        header=(
            *("preset", "in the paper", "accuracy on the sign"),
            *("success", "success, all targets", "accuracy, test split"),
        ),
        rows=tuple(
            _cells(title, row, cache.missing) for title, row in rows.items()
        ),
        notes=(
            "In percent, the paper's in brackets; mean and standard "
            "deviation over the signs; the paper's are 40 photographs of a "
            f"stop sign. {cache.described()} *accuracy on the sign*: without "
            "a sticker. *success*: predictions that change.",
            "*success* is that of one target: the one that its sticker "
            "reached most often on the views that it was made on, since the "
            "paper's 90 % is the worst case of its table 2. *all targets* is "
            "the average, which the verdicts below compare.",
            "The paper doesn't say whether networks were trained with their "
            "fixed filters. In the first rows they were; *put into* means the "
            "baseline's own weights with a filter added.",
            *(
                verdict(
                    f"`{name}` transfers less than to the baseline",
                    rows[name] and _mean(rows[name]),
                    _mean(own),
                )
                for name in _FIXED
            ),
        ),
        data={"rows": rows, "paper": paper.BLACK_BOX},
        provenance=cache.provenance(*paper.BLACK_BOX),
    )


def _with_filter(name: str, baseline: keras.Model) -> keras.Model:
    """Puts a preset's fixed filter into the trained baseline."""
    model = zoo.load(name, weights=None)
    model.set_weights(baseline.get_weights())
    return model


def _measure(cache, model):
    """Returns success rates, one a sign, and the accuracies."""
    best, average = [], []
    for seed in cache.seeds:
        stickers = cache.stickers(paper.BASELINE, seed)
        strongest = np.argmax([s.history["success"][-1] for s in stickers])
        scores = cache.score(model, stickers, seed)
        best.append(float(scores.success[strongest]))
        average.append(scores.average_success)
    return {
        "success": best,
        "average_success": average,
        "sign_accuracy": cache.sign_accuracy(model),
        "accuracy": cache.legitimate_accuracy(model),
    }


def _mean(row):
    return float(np.mean(row["average_success"]))


def _cells(title, row, missing):
    printed, accuracy, success = paper.BLACK_BOX.get(title, ("–", None, None))
    preset, comma, place = title.partition(",")
    name = f"`{preset}`{comma}{place}"
    if row is None:
        ours = missing, *("–",) * 3
    else:
        ours = (
            f"{100 * row['sign_accuracy']:.1f}",
            mean_and_std(row["success"]),
            mean_and_std(row["average_success"]),
            f"{100 * row['accuracy']:.1f}",
        )
    theirs = [
        "" if v is None else f" ({100 * v:.1f})" for v in (accuracy, success)
    ]
    first, second, *rest = ours
    return (name, printed, first + theirs[0], second + theirs[1], *rest)
