"""Times IRM's three-scale prediction against ensembles of three models.

    python -m benchmarks.multi_scale --output multi_scale.json

Compared are one network at three scales, three networks at one scale each, and
three networks all at the largest scale. Every model compresses and resizes the
image itself. They take turns, so that other load on the machine falls on all
alike; times are medians. Goal: at most 0.47 of the time of three networks at
the largest scale, the paper's 14 ms against 30 ms.
"""

import argparse
import sys
from pathlib import Path

import keras
from rich.console import Console
from rich.table import Table

from benchmarks import provenance
from zoo.training.reproduction.irm.prediction_time import prediction_seconds


def measure(name: str, batch_sizes: list[int], rounds: int) -> list[dict]:
    """Returns a row for each batch size: seconds, and IRM's ratio to each."""
    rows = []
    for batch_size in batch_sizes:
        seconds = prediction_seconds(name, batch_size=batch_size, rounds=rounds)
        rows.append(
            {
                "model": name,
                "policy": keras.config.dtype_policy().name,
                "batch_size": batch_size,
                "seconds": seconds,
                "ratios": {
                    other: seconds["irm"] / value
                    for other, value in seconds.items()
                },
            }
        )
    return rows


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="irm_wrn28_10.aaac")
    parser.add_argument("--policy", default="float32")
    parser.add_argument("--batch", type=int, nargs="+", default=[1])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args(arguments)
    keras.config.set_dtype_policy(options.policy)
    rows = measure(options.model, options.batch, options.rounds)
    table = Table("batch", "models", "seconds", "IRM's time by this")
    for row in rows:
        for name, seconds in row["seconds"].items():
            table.add_row(
                str(row["batch_size"]),
                name,
                f"{seconds:.4f}",
                f"{row['ratios'][name]:.3f}",
            )
    Console().print(table)
    if options.output:
        provenance.write(options.output, rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
