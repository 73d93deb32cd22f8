"""Trains the networks of semantic JPEG on `composed_photos/objects`.

    zoo train composed_photos --workdir runs/composed_photos

Each stage trains one preset and writes `<workdir>/<preset>.weights.h5`. An
interrupted run continues after its last epoch. The stages:

1. `wrn10_2`, from random weights: the undefended classifier, which stands
   behind JPEG in all other presets.
2. `msroi_wrn10_2`: MSROI's head on the layers of network 1, all of which are
   trained on. The paper starts from VGG16, trained on ImageNet.

Both minimise the cross-entropy with AdamW on clean images; the last epoch's
weights are kept. There is no augmentation, since the set has composed each
image at random. The other presets join the two networks:
`zoo.models.semantic_jpeg` says how.
"""

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path

import keras
import tensorflow as tf

import zoo
from zoo.training import datasets
from zoo.training.recipes.stages import fit_stage
from zoo.training.recipes.stages import run_stages
from zoo.weights import load_weights

STAGES = ("wrn10_2", "msroi_wrn10_2")
DATA = "composed_photos/objects"

_STARTS = {"msroi_wrn10_2": "wrn10_2"}
"""The stages whose weights others start from."""


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Hyperparameters of one run.

    Args:
        epochs: Passes over the training images, of each stage.
        learning_rates: AdamW's initial learning rate, of each stage. It falls
            along a cosine to a hundredth.
        weight_decay: AdamW's, times the learning rate at each step.
        batch_size: Images in a step.
        dtype_policy: Keras dtype policy of the networks.
        seed: Seed of weights and order. An interrupted run starts again with
            the first epoch's order.
    """

    epochs: Mapping[str, int] = dataclasses.field(
        default_factory=lambda: {"wrn10_2": 10, "msroi_wrn10_2": 4}
    )
    learning_rates: Mapping[str, float] = dataclasses.field(
        default_factory=lambda: {"wrn10_2": 3e-3, "msroi_wrn10_2": 1e-3}
    )
    weight_decay: float = 0.02
    batch_size: int = 64
    dtype_policy: str = "float32"
    seed: int = 0


def train(
    workdir: str | os.PathLike,
    *,
    stages: tuple[str, ...] = STAGES,
    recipe: Recipe | None = None,
    data_dir: str | os.PathLike | None = None,
) -> dict[str, Path]:
    """Runs the stages in order and skips those already finished.

    Args:
        workdir: Folder for weights, checkpoints and logs.
        stages: Presets to train. The one that a stage starts from must have
            been trained before, or be among them.
        recipe: Hyperparameters; `None` for the published ones.
        data_dir: Folder of TFDS' data; `None` for its default.

    Returns:
        The weight file of each stage.

    Raises:
        ValueError: If a stage is unknown, or the folder holds a run with
            other hyperparameters.
        FileNotFoundError: If the stage that one starts from has not run, or
            the photographs are not installed.
    """
    recipe = recipe or Recipe()

    def run(stage: str, workdir: Path) -> keras.Model:
        return _run(stage, recipe, workdir, data_dir)

    return run_stages(run, recipe, workdir, stages=stages, known=STAGES)


def _run(stage: str, recipe: Recipe, workdir: Path, data_dir) -> keras.Model:
    model = _start(stage, workdir)
    images = _pipeline("train", recipe, data_dir, training=True)
    epochs = recipe.epochs[stage]
    model.compile(
        keras.optimizers.AdamW(
            keras.optimizers.schedules.CosineDecay(
                recipe.learning_rates[stage], epochs * len(images), alpha=0.01
            ),
            weight_decay=recipe.weight_decay,
        ),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    fit_stage(
        model,
        stage,
        workdir,
        images=images,
        validation=_pipeline("validation", recipe, data_dir),
        epochs=epochs,
    )
    return model


def _start(stage: str, workdir: Path) -> keras.Model:
    """Builds a stage's network, with the layers of the one it starts from."""
    model = zoo.load(stage, weights=None)
    if stage not in _STARTS:
        return model
    weights = workdir / f"{_STARTS[stage]}.weights.h5"
    if not weights.exists():
        raise FileNotFoundError(
            f"Stage {_STARTS[stage]} must run first: there is no {weights}."
        )
    source = zoo.load(_STARTS[stage], weights=None)
    load_weights(source, weights)
    # The head replaces all after the last ReLU.
    names = [layer.name for layer in source.layers]
    for name in names[: names.index("final_relu")]:
        model.get_layer(name).set_weights(source.get_layer(name).get_weights())
    return model


def _pipeline(split: str, recipe: Recipe, data_dir, *, training=False):
    images = datasets.load(
        DATA, split, shuffle=training, seed=recipe.seed, data_dir=data_dir
    )
    images = images.batch(recipe.batch_size, drop_remainder=training)
    return images.prefetch(tf.data.AUTOTUNE)
