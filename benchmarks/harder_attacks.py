"""Judges randomised presets harder than their cards do.

    python -m benchmarks.harder_attacks --output harder_attacks.json

In each ball of a randomised preset's card, the card's own attacks are run
again on the first test images, and beside them PGD of 100 steps and APGD-T,
both averaging each gradient over ten draws. All images are scored by as many
fresh draws as the card's. *falls by*: the card's attacks' accuracy on these
images less that under the stronger of the two. Above one point the card should
take the harder attack. `se` is the standard error of that difference, of the
images and draws; a fall of less than two of it may be chance. A run that was
interrupted goes on, from `--workdir`.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from rich.console import Console
from rich.table import Table

import zoo
from benchmarks import provenance
from zoo.loading import dtype_policy
from zoo.training import attacks
from zoo.training import datasets
from zoo.training import evaluation
from zoo.training.attacks.registry import parameters
from zoo.training.datasets.arrays import gather_examples

MOST_FALL = 0.01
"""The largest fall that leaves the card its attack."""


def randomised_presets() -> list[str]:
    """Returns the presets whose cards were scored by several draws."""
    return [
        name
        for name in zoo.list_models()
        if any(_attacked(m) for m in zoo.info(name).measurements)
    ]


def balls(card: zoo.Card) -> list[zoo.ThreatModel]:
    """Returns the balls in which a card has attacks on a randomised model."""
    measured = filter(_attacked, card.measurements)
    return list(dict.fromkeys(m.threat for m in measured))


def card_attacks(card: zoo.Card, ball: zoo.ThreatModel) -> list[attacks.Attack]:
    """Binds the attacks that a card's worst case in a ball is of."""
    bound = []
    for measured in card.measurements:
        if measured.attack in ("clean", "worst case"):
            continue
        if measured.threat not in (ball, None):
            continue
        known = parameters(measured.attack)
        given = {
            "steps": measured.steps,
            "queries": measured.queries,
            "restarts": measured.restarts,
            "draws": measured.draws,
            **measured.options,
        }
        if measured.threat is not None:
            given |= {"norm": ball.norm, "eps": ball.eps}
        options = {k: v for k, v in given.items() if v is not None}
        unknown = options.keys() - known
        if unknown:
            raise ValueError(
                f"The options of {measured.attack} on the card of {card.name} "
                f"must be its own. Received: {', '.join(sorted(unknown))}"
            )
        bound.append(attacks.by_name[measured.attack](**options))
    return bound


def harder_attacks(
    ball: zoo.ThreatModel, *, steps: int, draws: int, targets: int
) -> list[attacks.Attack]:
    """Binds PGD and APGD-T that average over many draws.

    Args:
        targets: Classes that APGD-T aims at, each for all steps.
    """
    shared = {"norm": ball.norm, "eps": ball.eps, "draws": draws}
    return [
        attacks.pgd(**shared, steps=steps),
        attacks.apgdt(**shared, steps=steps, classes=targets),
    ]


def measure(
    name: str,
    examples: tuple[np.ndarray, np.ndarray],
    ball: zoo.ThreatModel,
    options: argparse.Namespace,
) -> dict[str, Any]:
    """Returns the accuracies in one ball, measured now or before."""
    card = zoo.info(name)
    model = zoo.load(name)
    (worst,) = (
        m
        for m in card.measurements
        if (m.attack, m.threat) == ("worst case", ball)
    )
    policy = options.attack_policy or worst.attack_policy
    with dtype_policy(policy):
        attacked = zoo.load(name)
    folder = options.workdir / f"{name}-{ball.norm}-{ball.eps:g}"
    own = card_attacks(card, ball)
    harder = harder_attacks(
        ball,
        steps=options.steps,
        draws=options.draws,
        targets=options.targets,
    )

    def run(kind: str, bound: Sequence[attacks.Attack]) -> evaluation.Report:
        return evaluation.evaluate(
            model,
            examples,
            bound,
            threat=ball,
            surrogate=attacked,
            batch_size=options.batch_size,
            draws=worst.scoring_draws,
            seed=worst.seed,
            resume=folder / kind,
            name=f"{name}, {kind}",
        )

    before = _worst(run("card", own), ball)
    under = {
        result.label: result.robust_accuracy
        for result in run("harder", harder).attacks
    }
    lowest = min(under.values())
    count = len(examples[0])
    return {
        "model": name,
        "norm": ball.norm,
        "eps": ball.eps,
        "images": count,
        "attack_policy": policy,
        "card": {"accuracy": worst.accuracy, "images": worst.images},
        "card_attacks": list(map(repr, own)),
        "card_attacks_accuracy": before,
        "draws": options.draws,
        "targets": options.targets,
        "under": under,
        "falls_by": before - lowest,
        "standard_error": _standard_error(before, lowest, count),
        "harder_attack_needed": before - lowest > MOST_FALL,
    }


def table(rows: Sequence[dict[str, Any]]) -> Table:
    """Returns the rows as a table, accuracies in percent."""
    shown = Table(
        *("model", "ball", "card", "card's attacks", "harder", "falls by", "se")
    )
    for row in rows:
        harder = (f"{k} {100 * v:.1f}" for k, v in row["under"].items())
        shown.add_row(
            row["model"],
            f"{row['norm']} {row['eps']:g}",
            f"{100 * row['card']['accuracy']:.1f}",
            f"{100 * row['card_attacks_accuracy']:.1f}",
            "\n".join(harder),
            f"{100 * row['falls_by']:.1f}"
            + (" !" if row["harder_attack_needed"] else ""),
            f"{100 * row['standard_error']:.1f}",
        )
    return shown


def main(arguments: list[str] | None = None) -> int:
    """Measures, prints and writes the rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--preset",
        action="append",
        metavar="NAME",
        choices=(known := randomised_presets()),
        help=f"may be given several times (default: {', '.join(known)})",
    )
    parser.add_argument(
        "--norm",
        choices=("l2", "linf"),
        help="balls of one norm alone (default: all on the card)",
    )
    parser.add_argument(
        "--eps",
        type=float,
        metavar="X",
        help="balls of one radius alone (default: all on the card)",
    )
    parser.add_argument("--images", type=_positive, default=200, metavar="N")
    parser.add_argument("--steps", type=_positive, default=100, metavar="N")
    parser.add_argument("--draws", type=_positive, default=10, metavar="N")
    parser.add_argument(
        "--targets",
        type=_positive,
        default=9,
        metavar="N",
        help="classes that APGD-T aims at, which most of the time goes to "
        "(default: %(default)s)",
    )
    parser.add_argument("--batch-size", type=_positive, default=100)
    parser.add_argument(
        "--attack-policy",
        metavar="POLICY",
        help="dtype policy that is attacked (default: the card's)",
    )
    parser.add_argument("--data-dir", type=Path, metavar="DIR")
    parser.add_argument(
        "--workdir", type=Path, default=Path("runs/harder_attacks")
    )
    parser.add_argument("--output", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    rows = []
    for name in options.preset or known:
        card = zoo.info(name)
        test = datasets.load(card.dataset, data_dir=options.data_dir)
        examples = gather_examples(test.batch(256), limit=options.images)
        for ball in balls(card):
            asked = options.norm in (None, ball.norm)
            if asked and options.eps in (None, ball.eps):
                rows.append(measure(name, examples, ball, options))
                keras.utils.clear_session()
        if not rows:
            continue
        Console().print(table(rows))
        if options.output:  # What was measured is kept, model by model.
            provenance.write(
                options.output,
                {
                    "images": options.images,
                    "steps": options.steps,
                    "draws": options.draws,
                    "targets": options.targets,
                    "rows": rows,
                },
            )
    if not rows:
        parser.error("no card has attacks in such a ball")
    return 0


def _attacked(measured: zoo.Measurement) -> bool:
    several = (measured.scoring_draws or 1) > 1
    return several and measured.threat is not None


def _worst(report: evaluation.Report, ball: zoo.ThreatModel) -> float:
    (worst,) = (w for w in report.worst_cases if w.threat == ball)
    return worst.robust.mean


def _standard_error(first: float, second: float, count: int) -> float:
    """Returns that of a difference of two accuracies of as many images.

    It is that of independent samples; for the same images it is cautious.
    """
    variance = first * (1 - first) + second * (1 - second)
    return (variance / count) ** 0.5


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"must be positive, not {text}")
    return number


if __name__ == "__main__":
    sys.exit(main())
