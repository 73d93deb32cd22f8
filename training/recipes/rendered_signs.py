"""Trains the presets of `rendered_signs`: LISA-CNN and BlurNet's variants.

    zoo train rendered_signs --workdir runs/rendered_signs

A stage is a preset and writes `<workdir>/<preset>.weights.h5`; a run that was
killed goes on from its last epoch. All start from random weights and descend
the cross-entropy, and the preset's penalty if it has one, with Adam. The paper
gives the penalties' strengths and no more; the number of epochs is one after
which the baseline's accuracy on the validation split no longer grows, and the
last epoch's weights are kept. The images are as rendered, which are varied
enough: no augmentation.
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
    """Numbers of one run, the same for every network.

    Args:
        epochs: Passes over the training images.
        learning_rate: Adam's first; it falls along a cosine to a hundredth.
        batch_size: Images in a step.
        dtype_policy: Keras dtype policy the networks compute in.
        seed: Seed of weights and order. A run that was killed begins again
            with the first epoch's order.
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
    """Runs the stages in order, skipping those already finished.

    Args:
        workdir: Folder for weights, checkpoints and logs.
        stages: Presets to train.
        recipe: Numbers of the run; `None` for the published ones.
        data_dir: Where TFDS keeps its data.

    Returns:
        The weight file of each stage.

    Raises:
        ValueError: If a stage is unknown, or the folder holds a run of other
            numbers.
    """
    recipe = recipe or Recipe()

    def run(stage: str, workdir: Path) -> keras.Model:
        return _run(stage, recipe, workdir, data_dir)

    return run_stages(run, recipe, workdir, stages=stages, known=STAGES)


def _run(stage: str, recipe: Recipe, workdir: Path, data_dir) -> keras.Model:
    images = _pipeline("train", recipe, data_dir, training=True)
    model = zoo.load(stage, weights=None)
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
    return model


def _pipeline(split: str, recipe: Recipe, data_dir, *, training=False):
    images = datasets.load(
        DATA, split, shuffle=training, seed=recipe.seed, data_dir=data_dir
    )
    images = images.batch(recipe.batch_size, drop_remainder=training)
    return images.prefetch(tf.data.AUTOTUNE)
