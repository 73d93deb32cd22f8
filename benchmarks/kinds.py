"""Trains a classifier of kinds, whose test objects it has not seen.

    python -m benchmarks.kinds --output docs/results/kinds.json

`composed_photos/kinds` has nine kinds, such as birds. Train, validation and
test have other photographs of objects and other backgrounds. The network is
`wrn10_2`, from random weights, trained as by the recipe `composed_photos` with
fewer epochs.
"""

import argparse
import sys
from pathlib import Path

import keras
from rich.console import Console
from rich.table import Table

import zoo
from benchmarks import provenance
from zoo.training import datasets
from zoo.training.datasets.composed_photos.stamps import KINDS
from zoo.training.recipes.composed_photos import Recipe

DATA = "composed_photos/kinds"


def measure(epochs: int, data_dir: Path | None) -> dict:
    """Trains and returns the accuracy of each split."""
    recipe = Recipe()

    def images(split, **options):
        return datasets.load(
            *(DATA, split),
            batch_size=recipe.batch_size,
            data_dir=data_dir,
            **options,
        )

    keras.utils.set_random_seed(recipe.seed)
    train = images("train", shuffle=True)
    model = zoo.load("wrn10_2", weights=None, num_classes=len(KINDS))
    model.compile(
        keras.optimizers.AdamW(
            keras.optimizers.schedules.CosineDecay(
                recipe.learning_rates["wrn10_2"],
                epochs * len(train),
                alpha=0.01,
            ),
            weight_decay=recipe.weight_decay,
        ),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(train, epochs=epochs, verbose=2)
    return {
        "classes": len(KINDS),
        "epochs": epochs,
        "accuracy": {
            split: model.evaluate(images(split), verbose=0)[1]
            for split in ("train", "validation", "test")
        },
    }


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args(arguments)
    found = measure(options.epochs, options.data_dir)
    table = Table("split", "accuracy")
    for split, accuracy in found["accuracy"].items():
        table.add_row(split, f"{accuracy:.1%}")
    Console().print(table)
    if options.output:
        provenance.write(options.output, found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
