"""The sweep of alpha: what each penalty costs and buys at each strength."""

import statistics
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zoo.training.reproduction.blurnet import paper
from zoo.training.reproduction.blurnet.alpha_penalties import PENALTIES
from zoo.training.reproduction.blurnet.alpha_penalties import matching_alpha
from zoo.training.reproduction.blurnet.alpha_picture import LEAST_DRAWN
from zoo.training.reproduction.blurnet.alpha_picture import draw_trade_off
from zoo.training.reproduction.blurnet.alpha_points import BASELINE
from zoo.training.reproduction.blurnet.alpha_points import PLAIN
from zoo.training.reproduction.blurnet.alpha_points import AlphaPoints
from zoo.training.reproduction.blurnet.settings import Settings
from zoo.training.reproduction.exhibit import Exhibit
from zoo.training.reproduction.exhibit import mean_and_std
from zoo.training.reproduction.exhibit_provenance import provenance_of

MEASURES = ("average", "worst")


def alpha_sweep(settings: Settings, output: Path) -> Exhibit:
    """Measures the penalties at several strengths and draws the trade-off.

    Args:
        settings: Its `alpha_` options say what is trained and attacked.
        output: Folder for the picture.
    """
    points = AlphaPoints(settings)

    def at(penalty, alpha):
        seeds = range(settings.alpha_seeds)
        return summary([points.point(penalty, alpha, seed) for seed in seeds])

    baseline = at(BASELINE, None)
    sweep = {
        name: {alpha: at(name, alpha) for alpha in settings.sweep_alphas(name)}
        for name in settings.sweep_penalties
    }
    best = {
        name: operating_point(by_alpha, settings.alpha_accuracy)
        for name, by_alpha in sweep.items()
    }
    draw_trade_off(
        sweep,
        baseline,
        output / "alpha.png",
        least_accuracy=settings.alpha_accuracy,
    )
    return Exhibit(
        name="alpha",
        title="The strength of the penalties: accuracy against success",
        header=(
            *("penalty", "alphas tried", "best alpha", "accuracy"),
            *(f"{PLAIN}, {measure}" for measure in MEASURES),
            *(f"strongest, {measure}" for measure in MEASURES),
        ),
        rows=(
            _cells("none", "–", "–", baseline),
            *(
                _cells(
                    name,
                    ", ".join(f"{alpha:g}" for alpha in by_alpha),
                    "none" if best[name] is None else f"{best[name]:g}",
                    by_alpha.get(best[name]),
                )
                for name, by_alpha in sweep.items()
            ),
        ),
        notes=(
            *_described(settings, points),
            *_paper_notes(sweep, baseline),
            _verdict(sweep, best, settings.alpha_accuracy),
        ),
        picture="alpha.png",
        data={
            "baseline": baseline,
            "points": {
                name: {f"{alpha:g}": one for alpha, one in by_alpha.items()}
                for name, by_alpha in sweep.items()
            },
            "best": best,
            "paper": paper.WHITE_BOX,
        },
        provenance=provenance_of(settings, points.commits),
    )


def summary(trainings: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Joins what several trainings at one strength achieve.

    Args:
        trainings: What `AlphaPoints.point` returns.

    Returns:
        `accuracy`, one a training; by attack and measure the success, one a
        training and sign; and `strongest`, by measure the highest mean of
        any attack.
    """
    attacks = {
        kind: {
            measure: [
                value
                for training in trainings
                for value in training["success"][kind][measure]
            ]
            for measure in MEASURES
        }
        for kind in trainings[0]["success"]
    }
    return {
        "accuracy": [training["accuracy"] for training in trainings],
        "sign_accuracy": [training["sign_accuracy"] for training in trainings],
        "attacks": attacks,
        "strongest": {
            measure: max(
                statistics.mean(values[measure]) for values in attacks.values()
            )
            for measure in MEASURES
        },
    }


def operating_point(
    by_alpha: Mapping[float, Mapping[str, Any]], least_accuracy: float
) -> float | None:
    """Returns the strength that holds best at a bearable accuracy.

    It has the lowest worst success under the strongest attack, then the
    lowest average one.

    Args:
        by_alpha: What `summary` returns, by strength.
        least_accuracy: Least mean accuracy over the trainings.

    Returns:
        The strength; `None` if each costs too much.
    """
    bearable = [
        alpha
        for alpha, point in by_alpha.items()
        if statistics.mean(point["accuracy"]) >= least_accuracy
    ]

    def success(alpha):
        strongest = by_alpha[alpha]["strongest"]
        return strongest["worst"], strongest["average"]

    return min(bearable, key=success, default=None)


def _cells(name, tried, alpha, point) -> tuple[str, ...]:
    if point is None:
        return (f"`{name}`", tried, alpha, *("–",) * 5)
    plain = point["attacks"][PLAIN]
    return (
        f"`{name}`",
        tried,
        alpha,
        mean_and_std(point["accuracy"]),
        *(mean_and_std(plain[measure]) for measure in MEASURES),
        *(f"{100 * point['strongest'][measure]:.1f}" for measure in MEASURES),
    )


def _described(settings, points) -> tuple[str, ...]:
    return (
        "In percent; mean and standard deviation over "
        f"{settings.alpha_seeds} trainings of {settings.alpha_epochs} epochs "
        f"in batches of {settings.alpha_batch_size}, success also over the "
        "signs. *best alpha*: among those with an accuracy of at least "
        f"{settings.alpha_accuracy:.0%} on the test split, that with the "
        "lowest worst success under the strongest attack. *worst*: each "
        "sign's most successful target, as in table 2.",
        f"{points.cache.described()} *strongest*: the attack with the highest "
        f"mean, of {PLAIN}, which has the model's exact gradient, the same "
        f"kept to {settings.frequencies} frequencies, and, for total "
        "variation of maps, the same with the defender's penalty, of weight "
        f"{settings.defense_weight:g}, in its loss.",
        "`dw3` has filters of 3×3; `non_negative` ones are at least 0, "
        "`softmax` ones also sum to one, so that no later layer can undo a "
        "penalty by its own scale.",
        "In the picture a line joins a penalty's alphas; full marks are under "
        "RP2, hollow ones under the strongest attack, squares are the network "
        "without a penalty. Dashed are the accuracy asked for and the paper's "
        f"best success. Points below {LEAST_DRAWN:.0%} are left out: a "
        "network that knows one answer alone cannot be fooled either.",
    )


def _paper_notes(sweep, baseline) -> tuple[str, ...]:
    """Says which alpha costs what the paper's does."""
    start = statistics.mean(baseline["accuracy"])
    _, paper_start, *_ = paper.WHITE_BOX[paper.BASELINE]
    notes = []
    for name, by_alpha in sweep.items():
        alphas = tuple(by_alpha)
        losses = tuple(
            start - statistics.mean(point["accuracy"])
            for point in by_alpha.values()
        )
        for preset in PENALTIES[name].printed:
            row, accuracy, *_ = paper.WHITE_BOX[preset]
            wanted = paper_start - accuracy
            alpha = matching_alpha(alphas, losses, wanted)
            if alpha is not None:
                found = f"alpha {alpha:.2g}"
            elif max(losses) < wanted:
                found = (
                    f"an alpha above {alphas[-1]:g}, which costs "
                    f"{100 * losses[-1]:.1f}"
                )
            else:
                found = (
                    f"an alpha below {alphas[0]:g}, which costs "
                    f"{100 * losses[0]:.1f}"
                )
            notes.append(
                f"`{name}` loses the paper's {100 * wanted:.1f} points of "
                f"*{row}* at {found}."
            )
    return tuple(notes)


def _verdict(sweep, best, least_accuracy) -> str:
    """Says whether a strength holds as well as the paper's best."""
    average, worst = paper.BEST_SUCCESS
    said = (
        f"At most {average:.0%} on average and {worst:.0%} in the worst case, "
        f"about the paper's best, at an accuracy of {least_accuracy:.0%}"
    )
    holds = [
        f"`{name}` at {alpha:g}"
        for name, alpha in best.items()
        if alpha is not None
        and sweep[name][alpha]["strongest"]["average"] <= average
        and sweep[name][alpha]["strongest"]["worst"] <= worst
    ]
    if holds:
        return f"{said}: **reached** by {', '.join(holds)}."
    return f"{said}: **reached by no penalty** at the alphas tried."
