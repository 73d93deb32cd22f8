"""Trains the networks of semantic JPEG on `composed_photos/objects`.

    zoo train composed_photos --workdir runs/composed_photos

Each stage trains one preset and writes `<workdir>/<preset>.weights.h5`. An
interrupted run continues after its last epoch. All stages start from random
weights and minimise the cross-entropy with AdamW on clean images; the last
epoch's weights are kept. There is no augmentation, since the set has composed
each image at random.
"""

import dataclasses
import os
from pathlib import Path

import keras
import tensorflow as tf

import zoo
from zoo.training import datasets
from zoo.training.recipes.stages import fit_stage
from zoo.training.recipes.stages import run_stages

STAGES = ("wrn10_2",)
DATA = "composed_photos/objects"


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Hyperparameters of one run, the same for every network.

    Args:
        epochs: Passes over the training images.
        learning_rate: AdamW's initial learning rate. It falls along a cosine
            to a hundredth.
        weight_decay: AdamW's, times the learning rate at each step.
        batch_size: Images in a step.
        dtype_policy: Keras dtype policy of the networks.
        seed: Seed of weights and order. An interrupted run starts again with
            the first epoch's order.
    """

    epochs: int = 15
    learning_rate: float = 3e-3
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
        stages: Presets to train.
        recipe: Hyperparameters; `None` for the published ones.
        data_dir: Folder of TFDS' data; `None` for its default.

    Returns:
        The weight file of each stage.

    Raises:
        ValueError: If a stage is unknown, or the folder holds a run with
            other hyperparameters.
    """
    recipe = recipe or Recipe()

    def run(stage: str, workdir: Path) -> keras.Model:
        return _run(stage, recipe, workdir, data_dir)

    return run_stages(run, recipe, workdir, stages=stages, known=STAGES)


def _run(stage: str, recipe: Recipe, workdir: Path, data_dir) -> keras.Model:
    images = _pipeline("train", recipe, data_dir, training=True)
    model = zoo.load(stage, weights=None)
    model.compile(
        keras.optimizers.AdamW(
            keras.optimizers.schedules.CosineDecay(
                recipe.learning_rate, recipe.epochs * len(images), alpha=0.01
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
        epochs=recipe.epochs,
    )
    return model


def _pipeline(split: str, recipe: Recipe, data_dir, *, training=False):
    images = datasets.load(
        DATA, split, shuffle=training, seed=recipe.seed, data_dir=data_dir
    )
    images = images.batch(recipe.batch_size, drop_remainder=training)
    return images.prefetch(tf.data.AUTOTUNE)
