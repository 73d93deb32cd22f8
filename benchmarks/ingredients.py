"""Measures what each ingredient of the robust recipe is worth.

    python -m benchmarks.ingredients --train-images 20000 --epochs 0.3
        --output docs/results/ingredients.json

Trains `both_bare` and `both_perturbed` of `fashion_mnist_robust` as a whole,
then with one ingredient changed at a time, on the same images in the same
order. Accuracy is on validation images, clean and under PGD of twenty steps in
both balls; *gain* is what the change adds to it. Short runs: the
worth of averaging and of late drops grows with the epochs. A run that was
interrupted goes on, from `--workdir`.
"""

import argparse
import csv
import dataclasses
from pathlib import Path
from typing import Any

from benchmarks import provenance
from zoo.training.recipes import fashion_mnist_robust
from zoo.training.recipes.fashion_mnist_robust import Recipe

STAGES = ("both_bare", "both_perturbed")
CHANGES = {
    "none": {},
    "random start": {"start": None},
    "ReLU": {"activation": "relu"},
    "no weight decay": {"weight_decay": 0.0},
    "cosine schedule": {"drops": ()},
    "no averaged weights": {"average": 0.0},
    "no label smoothing": {"label_smoothing": 0.0},
    "soft labels": {"teacher": "irm_wrn16_2.tricks"},
    "no weight perturbation": {"weight_perturbation": 0.0},
    "one attack step": {"attack_steps": 1},
}
"""The recipe's fields that differ, by the name of the change."""

_MEASURES = {
    "clean": "val_clean_accuracy",
    "robust": "val_adversarial_accuracy",
}


def measure(recipe: Recipe, workdir: Path, data_dir: Path | None) -> dict:
    """Trains and returns the last epoch's validation accuracies."""
    fashion_mnist_robust.train(
        workdir, stages=STAGES, recipe=recipe, data_dir=data_dir
    )
    with open(workdir / f"{STAGES[-1]}.csv", newline="") as file:
        *_, last = csv.DictReader(file)
    return {name: float(last[column]) for name, column in _MEASURES.items()}


def compare(
    recipe: Recipe, workdir: Path, data_dir: Path | None
) -> list[dict[str, Any]]:
    """Returns a row for each change."""
    rows = []
    for change, fields in CHANGES.items():
        folder = workdir / change.replace(" ", "_")
        changed = dataclasses.replace(recipe, **fields)
        row = {"change": change, **measure(changed, folder, data_dir)}
        unchanged = rows[0] if rows else row
        row["gain"] = {m: row[m] - unchanged[m] for m in _MEASURES}
        rows.append(row)
        print(row, flush=True)
    return rows


def main() -> None:
    """Runs the comparison and writes its results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train-images", type=int, metavar="N")
    parser.add_argument("--epochs", type=float, default=1.0, metavar="FACTOR")
    parser.add_argument("--data-dir", type=Path, metavar="DIR")
    parser.add_argument(
        "--workdir", type=Path, default=Path("runs/ingredients")
    )
    parser.add_argument("--output", type=Path, metavar="FILE")
    options = parser.parse_args()
    recipe = Recipe(epochs=options.epochs, train_images=options.train_images)
    rows = compare(recipe, options.workdir, options.data_dir)
    if options.output:
        provenance.write(
            options.output, {"recipe": dataclasses.asdict(recipe), "rows": rows}
        )


if __name__ == "__main__":
    main()
