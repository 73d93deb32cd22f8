"""Attacks JPEG with and without knowledge of its hidden gradient.

    python -m benchmarks.hidden_gradient --output hidden_gradient.json

The model is a preset behind JPEG of one quality, with nothing random. JPEG's
rounding has no gradient, so an attack that uses the plain gradient doesn't
move; this is how input transforms have been reported as defenses. The first row
is evaluated that way (`adaptive=False`), the second as by default, the third
with JPEG's soft rounding. Each row says what the evaluation flags and whether a
card would take its numbers.
"""

import argparse
import sys
from pathlib import Path

import keras
from rich.console import Console
from rich.table import Table

import zoo
from benchmarks import provenance
from zoo.layers import JPEG
from zoo.training import datasets
from zoo.training import evaluation

GRADIENTS = {
    "none, taken as it is": ("none", False),
    "none, seen through": ("none", True),
    "soft": ("soft", True),
}


def measure(name: str, data, attack: str, *, quality: int) -> list[dict]:
    """Returns a row for each gradient: accuracies, flags, and the card."""
    classifier = zoo.load(name)
    rows = []
    for label, (gradient, adaptive) in GRADIENTS.items():
        model = keras.Sequential(
            [
                keras.Input(classifier.input_shape[1:]),
                JPEG(quality, gradient=gradient),
                classifier,
            ]
        )
        report = evaluation.evaluate(
            model, data, attack, adaptive=adaptive, name=f"JPEG, {name}"
        )
        rows.append(
            {
                "gradient": label,
                "clean": report.clean_accuracy,
                "robust": report.attacks[0].robust_accuracy,
                "flags": [str(flag) for flag in report.flags],
                "card": _card(report),
            }
        )
    return rows


def _card(report: evaluation.Report) -> str:
    try:
        report.measurements()
    except ValueError as error:
        return f"refused: {error}"
    return "taken"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="wrn16_2")
    parser.add_argument("--quality", type=int, default=75)
    parser.add_argument("--images", type=int, default=256)
    parser.add_argument("--attack", default="pgd:norm=linf,eps=0.05,steps=40")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args(arguments)
    data = datasets.load("fashion_mnist_sample", batch_size=options.images)
    data = next(data.as_numpy_iterator())
    rows = measure(options.model, data, options.attack, quality=options.quality)
    table = Table("JPEG's gradient", "clean", "robust", "card")
    for row in rows:
        table.add_row(
            row["gradient"],
            f"{row['clean']:.1%}",
            f"{row['robust']:.1%}",
            row["card"],
        )
    Console().print(table)
    if options.output:
        report = {
            "model": options.model,
            "quality": options.quality,
            "images": len(data[0]),
            "attack": options.attack,
            "rows": rows,
        }
        provenance.write(options.output, report)
    return 0


if __name__ == "__main__":
    sys.exit(main())
