"""Runs the stages of a recipe in order, each of them once."""

import dataclasses
import os
from collections.abc import Callable
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from zoo.loading import dtype_policy
from zoo.training.trainers.run_folder import Backup
from zoo.training.trainers.run_folder import check_same_config
from zoo.training.trainers.run_folder import hint_if_interrupted
from zoo.training.trainers.time_left import TimeLeft
from zoo.weights import save_weights


def run_stages(
    run: Callable[[str, Path], keras.Model],
    recipe: Any,
    workdir: str | os.PathLike,
    *,
    stages: Sequence[str],
    known: Sequence[str],
) -> dict[str, Path]:
    """Trains the stages that aren't trained yet and writes their weights.

    Args:
        run: Trains a stage: takes its name and the folder, returns the model.
            It is called under the recipe's policy and seed.
        recipe: Dataclass of the hyperparameters, with `dtype_policy` and
            `seed`.
        workdir: Folder for `<stage>.weights.h5`, checkpoints and logs.
        stages: Stages to run.
        known: All stages, in order.

    Returns:
        The weight file of each stage in `stages`, in order.

    Raises:
        ValueError: If a stage is unknown, or the folder holds a run with
            other hyperparameters.
    """
    unknown = set(stages) - set(known)
    if unknown:
        raise ValueError(
            f"stages must be among {', '.join(known)}. "
            f"Received: {sorted(unknown)}"
        )
    workdir = Path(workdir)
    workdir.mkdir(parents=True, exist_ok=True)
    check_same_config(workdir / "recipe.json", dataclasses.asdict(recipe))
    paths = {
        stage: workdir / f"{stage}.weights.h5"
        for stage in known
        if stage in stages
    }
    with dtype_policy(recipe.dtype_policy), hint_if_interrupted(workdir):
        for stage, path in paths.items():
            if not path.exists():
                keras.utils.set_random_seed(recipe.seed)
                save_weights(
                    run(stage, workdir),
                    path,
                    dtype="float32",
                    max_shard_size=None,
                )
            _backup(workdir, stage).delete()
    return paths


def fit_stage(
    trained: keras.Model,
    stage: str,
    workdir: Path,
    *,
    images: tf.data.Dataset,
    validation: tf.data.Dataset,
    epochs: int,
) -> None:
    """Fits a compiled model; after an interruption, the same call continues.

    If the optimiser averages the weights (`use_ema`), validation measures the
    averaged ones, and the model is left with them. Model, optimiser and random
    generators continue after the last finished epoch. The shuffling of `images`
    starts again with the first epoch's order.

    Args:
        trained: The model, or a trainer of it.
        stage: Names the checkpoint and the log.
        workdir: Folder of both.
        images: Shuffled batches of `(images, labels)`.
        validation: Batches to measure after each epoch.
        epochs: Passes over `images`.
    """
    backup = _backup(workdir, stage)
    averaged = getattr(trained.optimizer, "use_ema", False)
    trained.fit(
        images,
        epochs=epochs,
        initial_epoch=backup.restore(trained),
        validation_data=validation,
        callbacks=[
            *([keras.callbacks.SwapEMAWeights()] if averaged else []),
            backup,
            TimeLeft(f"stage {stage}"),
            keras.callbacks.CSVLogger(workdir / f"{stage}.csv", append=True),
        ],
        shuffle=False,  # The pipeline does.
        verbose=2,
    )


def _backup(workdir: Path, stage: str) -> Backup:
    return Backup(workdir / f"{stage}_backup")
