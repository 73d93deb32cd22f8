"""Trains the Fashion-MNIST presets: the ladder of IRM's table 4.

    zoo train fashion_mnist --workdir runs/fashion_mnist

Each stage writes `<workdir>/<stage>.weights.h5` and starts from the weights of
another; a run that was killed goes on from its last epoch. Each but the fifth
gives a preset:

1. `undefended`, `wrn16_2`: a WRN-16-2 on clean images, flipped and shifted by
   up to two pixels at random.
2. `ddn_wrn`, `ddn_wrn16_2`: the same network on DDN samples alone.
3. `jpeg_ddn_wrn`, `jpeg_ddn_wrn16_2`: random-patch JPEG in front of 2.
4. `spp_ddn_wrn`, `spp_ddn_wrn16_2`: 2's features under a pyramid, every batch
   at all scales.
5. `ddn`: IRM at one scale, that of the largest weight, from 1's features.
6. `irm`, `irm_wrn16_2`: 5 at all scales.
7. `tricks`, `irm_wrn16_2.tricks`: 6 with label smoothing, logit pairing and
   ensemble training: PGD samples in L-inf and DeepFool's beside DDN's.

Samples for an ensemble are crafted at the scale of the largest weight, which
decides its answer. The optimiser is SGD with Nesterov momentum; the learning
rate falls along a cosine to a hundredth of its start, the paper's range. Unlike
section II.C of the paper, IRM meets JPEG and the pyramid from its first
adversarial epoch on. Without random shifts the adversarial stages, which
underfit, gain on clean and on adversarial images alike.

On one core with AVX-512 BF16 the adversarial stages take 8 to 15 minutes an
epoch each. Shipped weights came out of earlier numbers where CHANGELOG.md
says so; their cards say what they do.
"""

import os
from pathlib import Path

import keras
import tensorflow as tf

from zoo.training import datasets
from zoo.training.recipes import irm_stages
from zoo.training.recipes.irm_stages import Recipe
from zoo.training.recipes.stages import fit_stage
from zoo.training.recipes.stages import run_stages
from zoo.weights import load_weights

STAGES = tuple(irm_stages.STAGES)
IMAGE_SHAPE = (28, 28, 1)
TRAIN, VALIDATION = "train[:58000]", "train[58000:]"
ARCHITECTURE = {
    "depth": 16,
    "width": 2,
    "num_classes": 10,
    "image_shape": IMAGE_SHAPE,
    "dropout": 0.0,
}


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
        stages: Stages to run; each but the first needs the one that it starts
            from, run before or now.
        recipe: Numbers of the run; `None` for the published ones.
        data_dir: Where TFDS keeps its data.

    Returns:
        The weight file of each stage.

    Raises:
        ValueError: If a stage is unknown, or the folder holds a run of other
            numbers.
        FileNotFoundError: If the stage that one starts from has not run.
    """
    recipe = recipe or Recipe()

    def run(stage: str, workdir: Path) -> keras.Model:
        return _run(stage, recipe, workdir, data_dir)

    return run_stages(run, recipe, workdir, stages=stages, known=STAGES)


def _run(stage: str, recipe: Recipe, workdir: Path, data_dir) -> keras.Model:
    clean = irm_stages.STAGES[stage].samples is None
    epochs = recipe.epochs[stage]
    images = _pipeline(TRAIN, recipe, data_dir, training=True, augmented=clean)
    optimizer = keras.optimizers.SGD(
        keras.optimizers.schedules.CosineDecay(
            recipe.learning_rates[stage], epochs * len(images), alpha=0.01
        ),
        momentum=0.9,
        nesterov=True,
        weight_decay=5e-4,
    )
    model = _start(stage, recipe, workdir)
    fit_stage(
        irm_stages.compiled(model, irm_stages.STAGES[stage], recipe, optimizer),
        stage,
        workdir,
        images=images,
        validation=_pipeline(VALIDATION, recipe, data_dir),
        epochs=epochs,
    )
    return model


def _start(name: str, recipe: Recipe, workdir: Path) -> keras.Model:
    """Builds a stage's network, with the weights that it starts from."""
    stage = irm_stages.STAGES[name]
    model = irm_stages.build(stage, recipe, ARCHITECTURE)
    if stage.start is not None:
        weights = workdir / f"{stage.start}.weights.h5"
        if not weights.exists():
            raise FileNotFoundError(
                f"Stage {stage.start} must run first: there is no {weights}."
            )
        source = irm_stages.build(
            irm_stages.STAGES[stage.start], recipe, ARCHITECTURE
        )
        load_weights(source, weights)
        irm_stages.copy_weights(source, model)
    return model


def _pipeline(
    split: str, recipe: Recipe, data_dir, *, training=False, augmented=False
):
    images = datasets.load(
        "fashion_mnist",
        split,
        shuffle=training,
        seed=recipe.seed,
        data_dir=data_dir,
    )
    if augmented:
        images = images.map(_augment, num_parallel_calls=tf.data.AUTOTUNE)
    images = images.batch(recipe.batch_size, drop_remainder=training)
    return images.prefetch(tf.data.AUTOTUNE)


def _augment(image, label):
    image = tf.image.random_flip_left_right(image)
    padded = tf.pad(image, ((2, 2), (2, 2), (0, 0)))
    return tf.image.random_crop(padded, IMAGE_SHAPE), label
