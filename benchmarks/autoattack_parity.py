"""AutoAttack's four attacks against torchattacks', on the same weights.

    python -m benchmarks.autoattack_parity --model NAME --output parity.json

The zoo's attacks run in this process, under TensorFlow. torchattacks' attacks
run in a second process, on the same preset under Keras' PyTorch backend, with
the same images, steps and restarts. The TensorFlow model judges both: an
adversarial image counts if it is misclassified and in the ball. Seconds include
tracing.
Goals: robust accuracies differ by at most 0.6 points; the zoo's suite takes a
third of the time. torchattacks and PyTorch must be installed.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
from rich.console import Console
from rich.table import Table

import zoo
from benchmarks import provenance
from zoo.threat import ThreatModel
from zoo.training import attacks
from zoo.training import datasets
from zoo.training.evaluation.results import metrics

MAX_DIFFERENCE = 1e-3
"""Between logits under TensorFlow and PyTorch."""

BUDGET = {"steps": 100, "queries": 5000, "seed": 0}
"""AutoAttack's own steps and queries, and a seed."""

SUITE = {
    "apgd-ce": "apgd:loss=ce,steps={steps},seed={seed}",
    "apgd-t": "apgdt:steps={steps},seed={seed}",
    "fab-t": "fab:steps={steps},seed={seed}",
    "square": "square:queries={queries},seed={seed}",
}


def suite(threat: ThreatModel, **budget) -> dict[str, attacks.Attack]:
    """Returns the zoo's attacks by AutoAttack's names."""
    return {
        name: attacks.parse(spec.format(**budget), threat)
        for name, spec in SUITE.items()
    }


def run_ours(
    model: keras.Model,
    images: np.ndarray,
    labels: np.ndarray,
    attack: attacks.Attack,
    batch: int,
) -> tuple[np.ndarray, float]:
    """Returns adversarial images and the seconds they took."""
    began = time.perf_counter()
    crafted = [
        attack(model, images[start : start + batch], labels[start:][:batch])
        for start in range(0, len(images), batch)
    ]
    return np.concatenate(crafted), time.perf_counter() - began


def run_theirs(job: dict, images: np.ndarray, labels: np.ndarray) -> dict:
    """Runs the peer in a process of its own and returns what it wrote."""
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        np.savez(folder / "batch.npz", images=images, labels=labels)
        (folder / "job.json").write_text(json.dumps(job))
        subprocess.run(
            [sys.executable, "-m", "benchmarks.torchattacks_suite", folder],
            env={**os.environ, "KERAS_BACKEND": "torch"},
            check=True,
        )
        with np.load(folder / "results.npz") as results:
            return dict(results)


class Judge:
    """Says which images are still classified correctly after an attack."""

    def __init__(self, model, images, labels, batch):
        self._model = model
        self._images = images
        self._labels = labels
        self._batch = batch
        self.clean = self.logits(images).argmax(1) == labels

    def logits(self, images: np.ndarray) -> np.ndarray:
        return self._model.predict(images, self._batch, verbose=0)

    def robust(self, crafted: np.ndarray, threat: ThreatModel) -> np.ndarray:
        """Images outside the ball or [0, 1] count as not attacked."""
        inside = metrics.inside(self._images, crafted, threat)
        inside &= (crafted >= 0).all((1, 2, 3)) & (crafted <= 1).all((1, 2, 3))
        right = self.logits(crafted).argmax(1) == self._labels
        return self.clean & (right | ~inside)


def compare(
    ours: dict, theirs: dict, judge: Judge, threat: ThreatModel
) -> Iterator[dict]:
    """Yields a row for each attack and one for all together.

    Args:
        ours: The zoo's adversarial images and seconds, by attack.
        theirs: torchattacks', by attack.
    """
    survivors = {"zoo": judge.clean, "torchattacks": judge.clean}
    totals = dict.fromkeys(survivors, 0.0)
    for name in ours:
        row = {"attack": name, "norm": threat.norm, "eps": threat.eps}
        for library, results in (("zoo", ours), ("torchattacks", theirs)):
            crafted, seconds = results[name]
            robust = judge.robust(crafted, threat)
            survivors[library] = survivors[library] & robust
            totals[library] += seconds
            row[library] = {"robust": robust.mean(), "seconds": seconds}
        yield row
    yield {
        "attack": "all",
        "norm": threat.norm,
        "eps": threat.eps,
        **{
            library: {"robust": robust.mean(), "seconds": totals[library]}
            for library, robust in survivors.items()
        },
    }


def table(report: dict) -> Table:
    table = Table(
        "ball",
        "attack",
        "zoo",
        "torchattacks",
        "points",
        "zoo s",
        "torchattacks s",
        title=f"{report['model']}, {report['images']} images, "
        f"{report['clean']:.1%} clean",
    )
    for row in report["rows"]:
        zoo_row, peer = row["zoo"], row["torchattacks"]
        table.add_row(
            f"{row['norm']} {row['eps']:g}",
            row["attack"],
            f"{zoo_row['robust']:.1%}",
            f"{peer['robust']:.1%}",
            f"{100 * (zoo_row['robust'] - peer['robust']):+.1f}",
            f"{zoo_row['seconds']:.1f}",
            f"{peer['seconds']:.1f}",
        )
    return table


def suite_parser(description: str, **defaults) -> argparse.ArgumentParser:
    """Returns a parser with the options of a comparison of suites.

    Args:
        defaults: Defaults of `images`, `batch` and `data`.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--model", default="wrn16_2")
    parser.add_argument("--images", type=int)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--data")
    parser.add_argument("--linf", type=float, default=0.1)
    parser.add_argument("--l2", type=float, default=1.0)
    for name, number in BUDGET.items():
        parser.add_argument(f"--{name}", type=int, default=number)
    parser.add_argument("--output", type=Path)
    parser.set_defaults(**defaults)
    return parser


def main(arguments: list[str] | None = None) -> int:
    parser = suite_parser(
        __doc__.splitlines()[0],
        images=500,
        batch=100,
        data="fashion_mnist_sample",
    )
    parser.add_argument("--attacks", nargs="+", choices=SUITE, default=[*SUITE])
    options = parser.parse_args(arguments)
    data = datasets.load(options.data, batch_size=options.images)
    images, labels = next(data.as_numpy_iterator())
    model = zoo.load(options.model)
    judge = Judge(model, images, labels, options.batch)
    budget = {name: getattr(options, name) for name in BUDGET}
    rows, logits = [], judge.logits(images)
    for norm in ("linf", "l2"):
        threat = ThreatModel(norm, getattr(options, norm))
        ours = {
            name: run_ours(model, images, labels, attack, options.batch)
            for name, attack in suite(threat, **budget).items()
            if name in options.attacks
        }
        job = {
            "model": options.model,
            "attacks": list(ours),
            "norm": norm,
            "eps": threat.eps,
            "batch": options.batch,
            **budget,
        }
        results = run_theirs(job, images, labels)
        difference = float(np.abs(results["logits"] - logits).max())
        if difference > MAX_DIFFERENCE:
            raise SystemExit(
                f"The backends' logits must agree within {MAX_DIFFERENCE}. "
                f"Received: {difference}"
            )
        theirs = {
            name: (results[name], float(results[f"{name} seconds"]))
            for name in ours
        }
        rows.extend(compare(ours, theirs, judge, threat))
    report = {
        "model": options.model,
        "images": len(images),
        "clean": float(judge.clean.mean()),
        "logits_difference": difference,
        **budget,
        "rows": rows,
    }
    Console().print(table(report))
    if options.output:
        provenance.write(options.output, report)
    return 0


if __name__ == "__main__":
    sys.exit(main())
