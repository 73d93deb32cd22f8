"""Times training steps: the fused batch norm against Keras' own.

    python -m benchmarks.batch_normalization --output FILE.json

The two take turns, so that other load on the machine falls on both alike.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path

import keras
import tensorflow as tf
from rich.console import Console
from rich.table import Table

import zoo.layers
from benchmarks import provenance
from zoo.models import wide_resnet

NETWORKS = {"wrn16_2": (16, 2, 128), "wrn28_10": (28, 10, 32)}
POLICIES = ("mixed_bfloat16", "float32")


def train_step(layer: type, depth: int, width: int, batch: int):
    """Returns a compiled SGD step on random images, with a batch norm class."""
    model = wide_resnet(depth=depth, width=width)
    model = keras.models.clone_model(
        model, clone_function=lambda old: _cloned(old, layer)
    )
    optimizer = keras.optimizers.SGD(0.1, momentum=0.9)
    optimizer.build(model.trainable_variables)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    images = tf.random.uniform((batch, 32, 32, 3))
    labels = tf.random.uniform((batch,), 0, 10, tf.int32)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            value = loss(labels, model(images, training=True))
        variables = model.trainable_variables
        gradients = tape.gradient(value, variables)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))

    return step


def _cloned(layer, normalization: type):
    if isinstance(layer, keras.layers.BatchNormalization):
        return normalization.from_config(layer.get_config())
    return layer.__class__.from_config(layer.get_config())


def seconds(step, calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        step()
    return (time.perf_counter() - start) / calls


def measure(name: str, policy: str, rounds: int) -> dict:
    """Returns images a second with each class and their ratio, of medians."""
    depth, width, batch = NETWORKS[name]
    keras.config.set_dtype_policy(policy)
    layers = {
        "keras": keras.layers.BatchNormalization,
        "fused": zoo.layers.BatchNormalization,
    }
    steps = {
        key: train_step(layer, depth, width, batch)
        for key, layer in layers.items()
    }
    calls = 8 if name == "wrn16_2" else 2
    for step in steps.values():
        seconds(step, 2)
    times = {key: [] for key in steps}
    for _ in range(rounds):
        for key, step in steps.items():
            times[key].append(seconds(step, calls))
    medians = {key: statistics.median(values) for key, values in times.items()}
    return {
        "network": name,
        "policy": policy,
        "batch": batch,
        **{f"{key}_images_per_second": batch / m for key, m in medians.items()},
        "speedup": medians["keras"] / medians["fused"],
    }


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", choices=NETWORKS, action="append")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args(arguments)
    rows = [
        measure(network, policy, options.rounds)
        for network in options.network or NETWORKS
        for policy in POLICIES
    ]
    table = Table("network", "policy", "Keras", "fused", "ratio")
    for row in rows:
        table.add_row(
            row["network"],
            row["policy"],
            f"{row['keras_images_per_second']:.0f} img/s",
            f"{row['fused_images_per_second']:.0f} img/s",
            f"{row['speedup']:.2f}x",
        )
    Console().print(table)
    if options.output:
        provenance.write(options.output, rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
