"""Trains the presets of `rendered_signs`: LISA-CNN and BlurNet's variants.

    zoo train rendered_signs --workdir runs/rendered_signs

Each stage trains one preset and writes `<workdir>/<preset>.weights.h5`. An
interrupted run continues after its last epoch. All stages start from random
weights and minimise the cross-entropy, plus the preset's penalty if it has one,
with Adam. The paper gives the penalties' strengths only. The number of epochs
was chosen on the baseline, whose validation accuracy no longer grows by then;
the last epoch's weights are kept. There is no augmentation, since the rendered
images vary enough.
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

STAGES = (
    "lisa_cnn",
    "blurnet_dw3",
    "blurnet_dw5",
    "blurnet_dw7",
    "blurnet_tv",
    "blurnet_tv.1e-5",
    "blurnet_fixed.input_3x3",
    "blurnet_fixed.input_5x5",
    "blurnet_fixed.maps_3x3",
    "blurnet_fixed.maps_5x5",
)
DATA = "rendered_signs/crops32"


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Hyperparameters of one run, the same for every network.

    Args:
        epochs: Passes over the training images.
        learning_rate: Adam's initial learning rate. It falls along a cosine
            to a hundredth.
        batch_size: Images in a step.
        dtype_policy: Keras dtype policy of the networks.
        seed: Seed of weights and order. An interrupted run starts again with
            the first epoch's order.
    """

    epochs: int = 20
    learning_rate: float = 1e-3
    batch_size: int = 128
    dtype_policy: str = "mixed_bfloat16"
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
    model = zoo.load(stage, weights=None)
    fit(model, stage, recipe, workdir, data_dir=data_dir)
    return model


def fit(
    model: keras.Model,
    stage: str,
    recipe: Recipe,
    workdir: Path,
    *,
    data_dir: str | os.PathLike | None = None,
) -> None:
    """Trains a network of signs as the presets are.

    Args:
        model: Maps pixels in [0, 1] to logits. The dtype policy and the seed
            are the caller's to set, as `run_stages` does.
        stage: Names the checkpoint and the log.
        recipe: Hyperparameters.
        workdir: Folder of both.
        data_dir: Folder of TFDS' data; `None` for its default.
    """
    images = _pipeline("train", recipe, data_dir, training=True)
    model.compile(
        keras.optimizers.Adam(
            keras.optimizers.schedules.CosineDecay(
                recipe.learning_rate, recipe.epochs * len(images), alpha=0.01
            )
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


def _pipeline(split: str, recipe: Recipe, data_dir, *, training=False):
    images = datasets.load(
        DATA, split, shuffle=training, seed=recipe.seed, data_dir=data_dir
    )
    images = images.batch(recipe.batch_size, drop_remainder=training)
    return images.prefetch(tf.data.AUTOTUNE)
