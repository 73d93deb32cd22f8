"""The whole of AutoAttack, timed against torchattacks'.

    python -m benchmarks.autoattack_time --model NAME --output time.json

On both sides an attack gets only the images that withstood the attacks before.
The zoo runs `evaluation.evaluate` on the standard suite, once in float32 and
once with the attacks in bfloat16. torchattacks runs its `AutoAttack` in a
process of its own, on the same preset under Keras' PyTorch backend, with as
many steps and queries. The float32 TensorFlow model judges all images. Seconds
include tracing, the zoo's also its report. Goals: a third of torchattacks'
time; bfloat16 and float32 differ by at most half a point. torchattacks and
PyTorch must be installed.
"""

import sys
import time

import keras
import numpy as np
from rich.console import Console
from rich.table import Table

import zoo
from benchmarks import provenance
from benchmarks.autoattack_parity import BUDGET
from benchmarks.autoattack_parity import Judge
from benchmarks.autoattack_parity import run_theirs
from benchmarks.autoattack_parity import suite_parser
from zoo.loading import dtype_policy
from zoo.threat import ThreatModel
from zoo.training import attacks
from zoo.training import datasets
from zoo.training import evaluation


def measure(
    name: str,
    images: np.ndarray,
    labels: np.ndarray,
    threat: ThreatModel,
    *,
    batch: int,
    **budget: int,
) -> list[dict]:
    """Returns a row for each side: robust accuracy and seconds.

    Args:
        budget: The suite's `steps`, `queries` and `seed`.
    """
    model = zoo.load(name)
    rows = []
    for policy in ("float32", "mixed_bfloat16"):
        with dtype_policy(policy):
            attacked = zoo.load(name)
        robust, seconds = _ours(
            model, attacked, images, labels, threat, batch, budget
        )
        rows.append({"library": f"zoo, {policy}", "robust": robust} | seconds)
    job = {
        "model": name,
        "attacks": ["autoattack"],
        "norm": threat.norm,
        "eps": threat.eps,
        "batch": batch,
        **budget,
    }
    theirs = run_theirs(job, images, labels)
    judge = Judge(model, images, labels, batch)
    rows.append(
        {
            "library": "torchattacks",
            "robust": float(judge.robust(theirs["autoattack"], threat).mean()),
            "seconds": float(theirs["autoattack seconds"]),
        }
    )
    return [
        {"norm": threat.norm, "eps": threat.eps, **row}
        | {"times_faster": rows[-1]["seconds"] / row["seconds"]}
        for row in rows
    ]


def _ours(
    model: keras.Model,
    attacked: keras.Model,
    images: np.ndarray,
    labels: np.ndarray,
    threat: ThreatModel,
    batch: int,
    budget: dict[str, int],
) -> tuple[float, dict]:
    began = time.perf_counter()
    report = evaluation.evaluate(
        model,
        (images, labels),
        attacks.suite("standard", threat, **budget),
        batch_size=batch,
        threat=threat,
        skip_fooled=True,
        surrogate=attacked,
        seed=budget["seed"],
    )
    seconds = {
        "seconds": time.perf_counter() - began,
        "seconds_by_attack": {
            attack.attack: attack.seconds for attack in report.attacks
        },
    }
    return report.worst_cases[0].robust.mean, seconds


def table(report: dict) -> Table:
    table = Table(
        "ball",
        "library",
        "robust",
        "s",
        "times faster",
        title=f"{report['model']}, {report['images']} images",
    )
    for row in report["rows"]:
        table.add_row(
            f"{row['norm']} {row['eps']:g}",
            row["library"],
            f"{row['robust']:.1%}",
            f"{row['seconds']:.1f}",
            f"{row['times_faster']:.2f}",
        )
    return table


def main(arguments: list[str] | None = None) -> int:
    parser = suite_parser(
        __doc__.splitlines()[0], images=1000, batch=250, data="fashion_mnist"
    )
    parser.add_argument("--norm", nargs="+", choices=["linf", "l2"])
    options = parser.parse_args(arguments)
    data = datasets.load(options.data, batch_size=options.images)
    images, labels = next(data.as_numpy_iterator())
    budget = {name: getattr(options, name) for name in BUDGET}
    rows = []
    for norm in options.norm or ("linf", "l2"):
        threat = ThreatModel(norm, getattr(options, norm))
        rows += measure(
            options.model,
            images,
            labels,
            threat,
            batch=options.batch,
            **budget,
        )
    report = {
        "model": options.model,
        "images": len(images),
        **budget,
        "rows": rows,
    }
    Console().print(table(report))
    if options.output:
        provenance.write(options.output, report)
    return 0


if __name__ == "__main__":
    sys.exit(main())
