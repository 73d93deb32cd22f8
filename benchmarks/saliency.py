"""Times saliency maps against a bare forward pass of their network.

    python -m benchmarks.saliency --output saliency.json

Compared are the MSROI network's logits, its map, and Aug-MSROI's map of
several draws. They take turns, so that other load on the machine falls on all
alike; times are medians. Goal: ten draws in at most ten times the bare pass, at
32 images.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf
from rich.console import Console
from rich.table import Table

import zoo
from benchmarks import provenance
from zoo.models import saliency_model
from zoo.training.reproduction.timing import interleaved_medians


def measure(name: str, batch_size: int, draws: int, rounds: int) -> dict:
    """Returns the seconds of each, and their ratios to the bare pass."""
    network = zoo.load(name, weights=None)
    models = {
        "logits": network,
        "MSROI": saliency_model(network),
        "Aug-MSROI": saliency_model(network, augmented=True, draws=draws),
    }
    shape = (batch_size, *network.input_shape[1:])
    images = tf.constant(np.random.default_rng(0).random(shape, "float32"))

    def runner(model):
        function = tf.function(lambda images: model(images, training=False))
        return lambda: function(images).numpy()

    seconds = interleaved_medians(
        {title: runner(model) for title, model in models.items()},
        rounds=rounds,
    )
    return {
        "model": name,
        "batch_size": batch_size,
        "draws": draws,
        "seconds": seconds,
        "ratios": {
            title: value / seconds["logits"] for title, value in seconds.items()
        },
    }


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="msroi_wrn10_2")
    parser.add_argument("--batch", type=int, nargs="+", default=[32])
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args(arguments)
    rows = [
        measure(options.model, batch, options.draws, options.rounds)
        for batch in options.batch
    ]
    table = Table("batch", "what", "seconds", "of the bare pass")
    for row in rows:
        for title, seconds in row["seconds"].items():
            table.add_row(
                str(row["batch_size"]),
                title,
                f"{seconds:.4f}",
                f"{row['ratios'][title]:.2f}",
            )
    Console().print(table)
    if options.output:
        provenance.write(options.output, rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
