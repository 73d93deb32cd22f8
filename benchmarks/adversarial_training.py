"""Times an adversarial training step against its bare gradients.

    python -m benchmarks.adversarial_training --output steps.json

A step takes the input gradients of its attacks, each on its share of the
images; then the weights' gradient on the adversarial batch and, if the stage
sees it, on the clean batch. A bare gradient is one call of a compiled function
on as many images. DeepFool drops images once they fool, so its bare gradients
are of the images left at each step; how many are left depends on the weights,
so networks have the published ones. Steps and bare gradients take turns, so
that other load on the machine falls on both alike. Times are medians. Goal: at
most 1.15 times the sum of the bare gradients.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from rich.console import Console
from rich.table import Table

import zoo
from benchmarks import provenance
from benchmarks.attacks import bare_gradients
from zoo.models.scale_views import scale_views
from zoo.training import AdversarialTrainer
from zoo.training import attacks
from zoo.training import datasets
from zoo.training.attacks import Attack
from zoo.training.recipes import irm_stages
from zoo.training.recipes.fashion_mnist import ARCHITECTURE
from zoo.training.recipes.irm_stages import Recipe
from zoo.weights import load_weights

STAGES = {
    "ddn_wrn": "ddn_wrn16_2",
    "irm": "irm_wrn16_2",
    "tricks": "irm_wrn16_2.tricks",
}
"""The preset whose weights each stage is timed with."""


def input_gradients(
    attack: Attack, model: keras.Model, images, labels
) -> Iterator[tuple[int, int]]:
    """Yields the number of gradients and of images, for each attack."""
    if attack.name == "mixture":
        shares = np.array(attack.options["shares"])
        sizes = np.rint(len(images) * shares / shares.sum()).astype(int)
        for own, size in zip(attack.options["attacks"], sizes, strict=True):
            yield from input_gradients(own, model, images[:size], labels[:size])
    elif attack.name == "deepfool":
        # One for each class other than the image's own.
        gradients = attack.options["classes"] - 1
        for steps in range(attack.options["steps"]):
            yield gradients, _left(attack, steps, model, images, labels)
    else:
        yield attack.options["steps"], len(images)


def _left(attack: Attack, steps: int, model: keras.Model, images, labels):
    """Returns how many images are left in DeepFool after some steps."""
    if steps:
        options = {**attack.options, "steps": steps, "max_norm": None}
        images = attacks.deepfool(**options)(model, images, labels)
    logits = np.asarray(model(images, training=False))
    return int((logits.argmax(1) == np.asarray(labels)).sum())


def bare_weight_gradient(model: keras.Model) -> Callable:
    """Returns the gradient of the mean loss at all scales, in training mode."""
    views = scale_views(model) or model

    @tf.function(reduce_retracing=True)
    def gradient(images, labels):
        with tf.GradientTape() as tape:
            logits = tf.cast(views(images, training=True), "float32")
            logits = tf.reshape(logits, (len(labels), -1, logits.shape[-1]))
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
                tf.repeat(labels[:, None], logits.shape[1], axis=1), logits
            )
            loss = tf.reduce_mean(losses)
        return tape.gradient(loss, model.trainable_variables)

    return gradient


def bare_step(trainer: AdversarialTrainer, images, labels) -> Callable:
    """Returns a function that takes a step's gradients and nothing else."""
    inputs = [
        (bare_gradients(trainer.surrogate, steps), size)
        for steps, size in input_gradients(
            trainer.attack, trainer.surrogate, images, labels
        )
    ]
    weights = bare_weight_gradient(trainer.model)

    def run():
        for gradients, size in inputs:
            gradients(images[:size], labels[:size])
        for _ in range(1 + trainer.sees_clean_images):
            last = weights(images, labels)
        last[-1].numpy()

    return run


def measure(stage: str, images, labels, rounds: int) -> dict:
    """Returns a row: seconds of a step and of its bare gradients."""
    recipe = Recipe()
    model = irm_stages.build(irm_stages.STAGES[stage], recipe, ARCHITECTURE)
    load_weights(model, zoo.download(STAGES[stage]))
    trainer = irm_stages.compiled(
        model,
        irm_stages.STAGES[stage],
        recipe,
        keras.optimizers.SGD(0.01, momentum=0.9, nesterov=True),
    )
    runners = {
        "step": lambda: trainer.train_on_batch(images, labels),
        "bare": bare_step(trainer, images, labels),
    }
    for run in runners.values():
        run()  # Traces.
    seconds = {name: [] for name in runners}
    for _ in range(rounds):
        for name, run in runners.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    step, bare = (statistics.median(seconds[name]) for name in runners)
    return {
        "stage": stage,
        "step_seconds": step,
        "bare_seconds": bare,
        "ratio": step / bare,
    }


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--stage", action="append", choices=STAGES, dest="stages"
    )
    parser.add_argument("--policy", default=Recipe().dtype_policy)
    parser.add_argument("--batch", type=int, default=Recipe().batch_size)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args(arguments)
    keras.config.set_dtype_policy(options.policy)
    data = datasets.load("fashion_mnist_sample", batch_size=options.batch)
    images, labels = next(iter(data))
    rows = [
        measure(stage, images, labels, options.rounds)
        for stage in options.stages or STAGES
    ]
    table = Table("stage", "step", "bare gradients", "ratio")
    for row in rows:
        table.add_row(
            row["stage"],
            f"{row['step_seconds']:.3f} s",
            f"{row['bare_seconds']:.3f} s",
            f"{row['ratio']:.2f}x",
        )
    Console().print(table)
    if options.output:
        provenance.write(options.output, rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
