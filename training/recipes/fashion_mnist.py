"""Trains the Fashion-MNIST presets: the undefended twin and IRM.

    zoo train fashion_mnist --workdir runs/fashion_mnist

Three stages; each writes `<workdir>/<stage>.weights.h5`, and a run that was
killed goes on from its last epoch:

1. `undefended`: a WRN-16-2 on clean images, flipped and shifted by up to two
   pixels at random.
2. `ddn`: IRM at one scale, that of the largest weight, on DDN samples alone,
   from the features of stage 1.
3. `irm`: all scales, every batch at each, from the weights of stage 2. The
   samples are still crafted at the scale of the largest weight, which decides
   the ensemble's answer.

The optimiser is SGD with Nesterov momentum; the learning rate falls along a
cosine to a hundredth of its start, the paper's range. Unlike section II.C of
the paper, the network meets JPEG and the pyramid from its first adversarial
epoch on, and there is no last stage of label smoothing, logit pairing and
ensemble training. Without random shifts the adversarial stages, which
underfit, gain on clean and on adversarial images alike.
"""

import dataclasses
import json
import os
from pathlib import Path

import keras
import tensorflow as tf

import zoo.models
from training import attacks
from training import datasets
from training.adversarial import AdversarialTrainer
from zoo.layers import MultiScaleEnsemble
from zoo.replacing import replacing
from zoo.weights import load_weights
from zoo.weights import save_weights

STAGES = ("undefended", "ddn", "irm")
IMAGE_SHAPE = (28, 28, 1)
TRAIN, VALIDATION = "train[:58000]", "train[58000:]"
ARCHITECTURE = {
    "depth": 16,
    "width": 2,
    "num_classes": 10,
    "image_shape": IMAGE_SHAPE,
    "dropout": 0.0,
}


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Numbers of one run.

    Args:
        scales: Side lengths of the ensemble, the smallest first.
        scale_weights: Lambda of equation 1.
        epochs: Epochs of each stage.
        learning_rates: Initial learning rate of each stage.
        batch_size: Images in a step.
        attack_steps: DDN iterations in a training step.
        attack_norm: L2 norm DDN starts from.
        max_norm: L2 norm no training sample exceeds.
        dtype_policy: Keras dtype policy the networks compute in.
        seed: Seed of weights and order; the parallel augmentation doesn't
            repeat exactly.
    """

    scales: tuple[int, ...] = (20, 24, 28)
    scale_weights: tuple[float, ...] = (0.1, 0.3, 1.0)
    epochs: tuple[int, int, int] = (12, 8, 5)
    learning_rates: tuple[float, float, float] = (0.1, 0.05, 0.04)
    batch_size: int = 128
    attack_steps: int = 2
    attack_norm: float = 1.3
    max_norm: float = 1.45
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
        stages: Stages to run; each but the first needs the one before.
        recipe: Numbers of the run; `None` for the published ones.
        data_dir: Where TFDS keeps its data.

    Returns:
        The weight file of each stage.

    Raises:
        ValueError: If a stage is unknown, or the folder holds a run of other
            numbers.
        FileNotFoundError: If the stage before has not run.
    """
    unknown = set(stages) - set(STAGES)
    if unknown:
        raise ValueError(
            f"stages must be among {STAGES}. Received: {sorted(unknown)}"
        )
    recipe = recipe or Recipe()
    workdir = Path(workdir)
    workdir.mkdir(parents=True, exist_ok=True)
    _check_same_run(recipe, workdir)
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(recipe.dtype_policy)
    try:
        return {
            stage: _run(stage, recipe, workdir, data_dir)
            for stage in STAGES
            if stage in stages
        }
    finally:
        keras.config.set_dtype_policy(policy)


def _check_same_run(recipe: Recipe, workdir: Path) -> None:
    """Notes the run's numbers in its folder, or refuses other ones."""
    path = workdir / "recipe.json"
    numbers = json.loads(json.dumps(dataclasses.asdict(recipe)))
    if path.exists():
        noted = json.loads(path.read_text())
        changed = [key for key in numbers if numbers[key] != noted.get(key)]
        if changed:
            raise ValueError(
                f"{workdir} holds a run of other numbers; choose another "
                f"folder. Received: other {', '.join(changed)}"
            )
    else:
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(numbers, indent=2) + "\n")


def _run(stage: str, recipe: Recipe, workdir: Path, data_dir) -> Path:
    weights = workdir / f"{stage}.weights.h5"
    if weights.exists():
        return weights
    keras.utils.set_random_seed(recipe.seed)
    index = STAGES.index(stage)
    epochs = recipe.epochs[index]
    images = _pipeline(
        TRAIN, recipe, data_dir, training=True, augmented=stage == "undefended"
    )
    optimizer = keras.optimizers.SGD(
        keras.optimizers.schedules.CosineDecay(
            recipe.learning_rates[index], epochs * len(images), alpha=0.01
        ),
        momentum=0.9,
        nesterov=True,
        weight_decay=5e-4,
    )
    model, trained = _build(stage, recipe, workdir)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    trained.compile(
        optimizer, loss, metrics=["accuracy"] if trained is model else None
    )
    trained.fit(
        images,
        epochs=epochs,
        validation_data=_pipeline(VALIDATION, recipe, data_dir),
        callbacks=[
            keras.callbacks.BackupAndRestore(workdir / f"{stage}_backup"),
            keras.callbacks.CSVLogger(workdir / f"{stage}.csv", append=True),
        ],
        shuffle=False,  # The pipeline does.
        verbose=2,
    )
    save_weights(model, weights, dtype="float32")
    return weights


def _build(stage: str, recipe: Recipe, workdir: Path):
    """Returns the stage's plain model, and what is fitted."""
    undefended = zoo.models.wide_resnet(**ARCHITECTURE)
    if stage == "undefended":
        return undefended, undefended
    attack = attacks.ddn(
        steps=recipe.attack_steps,
        init_norm=recipe.attack_norm,
        max_norm=recipe.max_norm,
    )
    model = zoo.models.irm(
        **ARCHITECTURE,
        scales=recipe.scales,
        scale_weights=recipe.scale_weights,
    )
    dominant = _at_dominant_scale(model)
    if stage == "ddn":
        _restore(undefended, workdir, "undefended")
        _copy_features(undefended, model.get_layer("ensemble").classifier)
        return model, AdversarialTrainer(dominant, attack, clean_weight=0.0)
    _restore(model, workdir, "ddn")
    return model, AdversarialTrainer(
        model, attack, clean_weight=0.0, surrogate=dominant
    )


def _restore(model: keras.Model, workdir: Path, stage: str) -> None:
    weights = workdir / f"{stage}.weights.h5"
    if not weights.exists():
        raise FileNotFoundError(
            f"Stage {stage} must run first: there is no {weights}."
        )
    load_weights(model, weights)


def _copy_features(source: keras.Model, target: keras.Model) -> None:
    """Copies all layers but the classifying one, whose input differs."""
    for layer in target.layers:
        if layer.name != "logits":
            layer.set_weights(source.get_layer(layer.name).get_weights())


def _at_dominant_scale(model: keras.Model) -> keras.Model:
    """Returns the prediction at one scale alone, sharing all weights."""
    ensemble = model.get_layer("ensemble")
    dominant = ensemble.scale_weights.index(max(ensemble.scale_weights))
    single = MultiScaleEnsemble(
        ensemble.classifier,
        ensemble.scales[dominant : dominant + 1],
        scale_weights=(1.0,),
    )
    return keras.Model(model.input, single(ensemble.input))


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
