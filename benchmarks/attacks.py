"""Times attacks against bare gradients and other libraries.

    python -m benchmarks.attacks --output attacks.json

One model, the same images, radius and steps for all. Attacks take turns, so
that other load on the machine falls on all alike; times are medians. Rows named
`bfloat16` attack a mixed_bfloat16 copy of the model; as in an evaluation,
images that fool the copy but not the float32 model are attacked again on the
latter. The float32 model judges all images. DDN rounds pixels to 256 levels,
Foolbox's DDN doesn't. A picture is written beside the output.
Goals: an attack of n steps takes at most 1.10 times n bare input gradients, and
a third of the fastest peer's time at the same robust accuracy. Foolbox and ART
(`adversarial-robustness-toolbox`) are timed if installed.
"""

import argparse
import importlib.util
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
from zoo.loading import dtype_policy
from zoo.training import attacks
from zoo.training import datasets
from zoo.training.evaluation.engine.scoring import Scorer

EPS = 0.1
PGD_STEPS = 20
DDN_STEPS = 100

Runner = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def bare_gradients(model: keras.Model, steps: int) -> Runner:
    """Returns a runner that takes input gradients, each in a compiled call."""

    @tf.function(reduce_retracing=True)
    def gradient(images, labels):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(images)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
                labels, tf.cast(model(images, training=False), "float32")
            )
        return tape.gradient(losses, images)

    def run(images, labels):
        for _ in range(steps):
            gradients = gradient(images, labels)
        gradients.numpy()
        return images

    return run


def ours(
    model: keras.Model, low_precision_copy: keras.Model
) -> Iterator[tuple[str, str, Runner]]:
    pgd = attacks.pgd(eps=EPS, steps=PGD_STEPS)
    early = attacks.pgd(eps=EPS, steps=PGD_STEPS, early_stop=True)
    ddn = attacks.ddn(steps=DDN_STEPS)
    through = Scorer(
        model,
        model.input_shape[1:],
        attacked=low_precision_copy,
        draws=1,
        stochastic=False,
        full_precision=model,
    )

    def craft(attack, images, labels):
        return through.craft(attack, images.numpy(), labels.numpy())

    yield "pgd", "zoo", lambda x, y: pgd(model, x, y)
    yield "pgd", "zoo, early_stop", lambda x, y: early(model, x, y)
    yield "pgd", "zoo, early_stop, bfloat16", lambda x, y: craft(early, x, y)
    yield "ddn", "zoo", lambda x, y: ddn(model, x, y)
    yield "ddn", "zoo, bfloat16", lambda x, y: craft(ddn, x, y)


def cleverhans_peers(model: keras.Model) -> Iterator[tuple[str, str, Runner]]:
    from cleverhans.tf2.attacks.projected_gradient_descent import (
        projected_gradient_descent,
    )

    def inference(images):
        return tf.cast(model(images, training=False), "float32")

    def run(images, labels):
        return projected_gradient_descent(
            inference,
            images,
            EPS,
            2.5 * EPS / PGD_STEPS,
            PGD_STEPS,
            np.inf,
            clip_min=0.0,
            clip_max=1.0,
            y=labels,
            rand_init=True,
        )

    yield "pgd", "CleverHans", run
    yield "pgd", "CleverHans in tf.function", tf.function(run)


def foolbox_peers(model: keras.Model) -> Iterator[tuple[str, str, Runner]]:
    if importlib.util.find_spec("foolbox") is None:
        return
    if not hasattr(np, "find_common_type"):  # Foolbox 3.3.4 on NumPy 2.
        np.find_common_type = lambda types, _: np.result_type(*types)
    import foolbox

    wrapped = foolbox.TensorFlowModel(model, bounds=(0, 1))
    pgd = foolbox.attacks.LinfPGD(
        abs_stepsize=2.5 * EPS / PGD_STEPS, steps=PGD_STEPS
    )
    ddn = foolbox.attacks.DDNAttack(steps=DDN_STEPS)
    yield "pgd", "Foolbox", lambda x, y: pgd(wrapped, x, y, epsilons=EPS)[1]
    yield "ddn", "Foolbox", lambda x, y: ddn(wrapped, x, y, epsilons=None)[1]


def art_peers(model: keras.Model) -> Iterator[tuple[str, str, Runner]]:
    if importlib.util.find_spec("art") is None:
        return
    from art.attacks.evasion import ProjectedGradientDescent
    from art.estimators.classification import TensorFlowV2Classifier

    classifier = TensorFlowV2Classifier(
        model=lambda images, training=False: model(images, training=False),
        nb_classes=model.output_shape[-1],
        input_shape=model.input_shape[1:],
        loss_object=keras.losses.SparseCategoricalCrossentropy(
            from_logits=True
        ),
        clip_values=(0, 1),
    )

    def run(images, labels):
        attack = ProjectedGradientDescent(
            classifier,
            eps=EPS,
            eps_step=2.5 * EPS / PGD_STEPS,
            max_iter=PGD_STEPS,
            num_random_init=1,
            batch_size=len(images),
            verbose=False,
        )
        return tf.constant(attack.generate(images.numpy(), labels.numpy()))

    yield "pgd", "ART", run


def measure(
    model: keras.Model,
    low_precision_copy: keras.Model,
    images,
    labels,
    rounds: int,
) -> list[dict]:
    """Returns a row for each runner: times, robust accuracy, median L2."""
    runners = [
        ("pgd", "bare gradients", bare_gradients(model, PGD_STEPS)),
        ("ddn", "bare gradients", bare_gradients(model, DDN_STEPS)),
        *ours(model, low_precision_copy),
        *cleverhans_peers(model),
        *foolbox_peers(model),
        *art_peers(model),
    ]
    rows = []
    for attack, library, run in runners:
        adversarial = np.asarray(run(images, labels))  # Also traces.
        predictions = model.predict(adversarial, verbose=0).argmax(1)
        lengths = np.linalg.norm(
            (adversarial - images.numpy()).reshape(len(images), -1), axis=1
        )
        rows.append(
            {
                "attack": attack,
                "library": library,
                "robust_accuracy": float(np.mean(predictions == labels)),
                "median_l2": float(np.median(lengths)),
                "seconds": [],
            }
        )
    for _ in range(rounds):
        for row, (_, _, run) in zip(rows, runners, strict=True):
            start = time.perf_counter()
            np.asarray(run(images, labels))
            row["seconds"].append(time.perf_counter() - start)
    for row in rows:
        row["range"] = min(row["seconds"]), max(row["seconds"])
        row["seconds"] = statistics.median(row["seconds"])
    bare = {row["attack"]: row["seconds"] for row in rows[:2]}
    for row in rows:
        row["ratio_to_bare_gradients"] = row["seconds"] / bare[row["attack"]]
    return rows


def draw(rows: list[dict], path: Path) -> None:
    """Draws the seconds of each attack, the bare gradients as a line.

    A bar is a median; the line on it runs from the fastest to the slowest
    round, where the rows have them.
    """
    from matplotlib.figure import Figure

    titles = {"pgd": f"PGD-{PGD_STEPS}", "ddn": f"DDN-{DDN_STEPS}"}
    groups = {
        attack: [row for row in rows if row["attack"] == attack]
        for attack in titles
    }
    figure = Figure(figsize=(7.5, 5.2), layout="constrained")
    panels = figure.subplots(
        len(groups),
        height_ratios=[len(group) for group in groups.values()],
    )
    for axes, (attack, group) in zip(panels, groups.items(), strict=True):
        bare, *timed = group[:1] + sorted(
            group[1:], key=lambda row: -row["seconds"]
        )
        seconds = [row["seconds"] for row in timed]
        drawn = axes.barh(
            [
                f"{row['library']} ({row['robust_accuracy']:.1%} robust)"
                for row in timed
            ],
            seconds,
            height=0.65,
            color=[
                "#0969da" if row["library"].startswith("zoo") else "#8c959f"
                for row in timed
            ],
        )
        axes.bar_label(drawn, [f"{s:.2f} s" for s in seconds], padding=6)
        for place, row in enumerate(timed):
            if "range" in row:
                axes.plot(row["range"], [place] * 2, color="black", marker="|")
        line = axes.axvline(
            bare["seconds"], color="black", linestyle=":", zorder=0
        )
        axes.set_xlim(0, 1.2 * max(seconds))
        axes.set_title(titles[attack], loc="left")
        axes.tick_params(axis="y", length=0)
        axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("seconds, median of the rounds")
    figure.legend(
        [line],
        ["as many bare gradients"],
        loc="outside lower right",
        frameon=False,
    )
    figure.savefig(path, dpi=120)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="wrn16_2")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args(arguments)
    model = zoo.load(options.model)
    with dtype_policy("mixed_bfloat16"):
        low_precision_copy = zoo.load(options.model)
    data = datasets.load("fashion_mnist_sample", batch_size=options.batch)
    images, labels = next(iter(data))
    rows = measure(model, low_precision_copy, images, labels, options.rounds)
    table = Table("attack", "library", "seconds", "ratio", "robust", "L2")
    for row in sorted(rows, key=lambda row: (row["attack"], row["seconds"])):
        table.add_row(
            row["attack"],
            row["library"],
            f"{row['seconds']:.2f}",
            f"{row['ratio_to_bare_gradients']:.2f}x",
            f"{row['robust_accuracy']:.1%}",
            f"{row['median_l2']:.3f}",
        )
    Console().print(table)
    if options.output:
        provenance.write(
            options.output,
            {"model": options.model, "images": len(images), "rows": rows},
        )
        draw(rows, options.output.with_suffix(".png"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
