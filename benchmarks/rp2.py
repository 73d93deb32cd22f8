"""Times RP2 against bare gradients.

    python -m benchmarks.rp2 --output rp2.json

The model is LISA-CNN, by default with 17 targets and 40 views of noise. A bare
step is the input gradient of the cross-entropy of as many images, one call of a
compiled function. Both take turns, so that other load on the machine falls on
both alike; times are medians of a step. Goal: at most 1.15 times the bare
gradient.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from rich.console import Console
from rich.table import Table

from benchmarks import provenance
from zoo import models
from zoo.training.attacks.rp2 import Transformations
from zoo.training.attacks.rp2 import masks
from zoo.training.attacks.rp2 import rp2

VARIANTS = {
    "rp2": {},
    "rp2, low frequencies": {"frequencies": 8},
    "rp2, NPS": {"nps_weight": 1.0},
    "rp2, light and noise": {
        "transformations": Transformations(brightness=0.2, noise=0.02)
    },
    "rp2, all transformations": {
        "transformations": Transformations(
            rotation=10, perspective=0.05, brightness=0.2, noise=0.02
        )
    },
}


def bare_gradients(
    model: keras.Model, images: np.ndarray, labels: np.ndarray
) -> Callable[[int], None]:
    """Returns a function that takes a number of input gradients."""

    @tf.function
    def gradient(images, labels):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(images)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
                labels, tf.cast(model(images, training=False), "float32")
            )
        return tape.gradient(losses, images)

    images, labels = tf.constant(images), tf.constant(labels)

    def run(steps):
        for _ in range(steps):
            gradients = gradient(images, labels)
        gradients.numpy()

    return run


def stickers(
    model: keras.Model, views: np.ndarray, targets: list[int], options: dict
) -> Callable[[int], list[float]]:
    """Returns a function that times blocks of ten steps."""

    def run(steps):
        mask = masks.two_rectangles(*views.shape[1:3])
        attack = rp2(mask=mask, steps=steps, **options)
        moments = [time.perf_counter()]
        attack(
            model,
            views,
            targets,
            progress=lambda *_: moments.append(time.perf_counter()),
        )
        return np.diff(moments)[1:] / 10  # The first block traces.

    return run


def measure(targets: int, views: int, rounds: int) -> list[dict]:
    """Returns a row for each variant: seconds a step, ratio to bare."""
    rng = np.random.default_rng(0)
    model = models.lisa_cnn()
    seen = rng.random((views, 32, 32, 3), "float32")
    classes = list(range(targets))
    images = np.tile(seen, (targets, 1, 1, 1))
    bare = bare_gradients(model, images, np.repeat(classes, views))
    bare(1)
    bare_times, times = [], {name: [] for name in VARIANTS}
    for _ in range(rounds):
        for name, options in VARIANTS.items():
            start = time.perf_counter()
            bare(10)
            bare_times.append((time.perf_counter() - start) / 10)
            run = stickers(model, seen, classes, options)
            times[name].extend(run(30))
    seconds = {"bare gradients": statistics.median(bare_times)}
    seconds |= {name: statistics.median(t) for name, t in times.items()}
    return [
        {
            "name": name,
            "seconds_per_step": step,
            "ratio_to_bare_gradients": step / seconds["bare gradients"],
        }
        for name, step in seconds.items()
    ]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--targets", type=int, default=17)
    parser.add_argument("--views", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args(arguments)
    rows = measure(options.targets, options.views, options.rounds)
    table = Table("name", "seconds a step", "ratio")
    for row in rows:
        table.add_row(
            row["name"],
            f"{row['seconds_per_step']:.3f}",
            f"{row['ratio_to_bare_gradients']:.2f}x",
        )
    Console().print(table)
    if options.output:
        provenance.write(options.output, rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
