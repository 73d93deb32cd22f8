"""A pretrained model on new classes: its head first, then all of it."""

import contextlib
import dataclasses
import functools
import os
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterator
from pathlib import Path

import keras
import tensorflow as tf

from zoo.inspection import all_layers
from zoo.inspection import check_float_input
from zoo.inspection import class_count
from zoo.inspection import find_head
from zoo.inspection import input_shape
from zoo.models.scale_views import dominant_scale
from zoo.training import attacks
from zoo.training.trainers.adversarial import AdversarialTrainer
from zoo.training.trainers.input_checks import check_gives_logits
from zoo.training.trainers.run_folder import Backup
from zoo.training.trainers.run_folder import check_same_config
from zoo.training.trainers.run_folder import data_digest
from zoo.training.trainers.run_folder import hint_if_interrupted
from zoo.training.trainers.time_left import TimeLeft
from zoo.weights import load_weights
from zoo.weights import save_weights
from zoo.weights.digests import arrays_digest


@dataclasses.dataclass(frozen=True, kw_only=True)
class FineTuning:
    """Hyperparameters of a fine-tuning.

    Args:
        head_epochs: Epochs of the first stage; 0 skips it. It trains the
            head alone: the layer `logits`. If no layer or several have that
            name, the head is the last layer with weights.
        epochs: Epochs of the second stage, which trains the whole model; 0
            skips it.
        head_learning_rate: Initial learning rate of the first stage. It falls
            along a cosine to a hundredth.
        learning_rate: The same of the second stage.
        batch_size: Images in a step. If there are fewer, all of them are one
            step.
        clean_weight: Share of the clean images' loss, in [0, 1].
        seed: Seed of the training's random numbers.

    Raises:
        ValueError: If a hyperparameter is out of its range.
    """

    head_epochs: int = 5
    epochs: int = 15
    head_learning_rate: float = 0.05
    learning_rate: float = 0.02
    batch_size: int = 32
    clean_weight: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (
            ("head_epochs", 0),
            ("epochs", 0),
            ("batch_size", 1),
            ("seed", 0),
        ):
            if getattr(self, name) < least:
                raise ValueError(
                    f"{name} must be {least} or more. "
                    f"Received: {name}={getattr(self, name)}"
                )
        if not self.head_epochs + self.epochs:
            raise ValueError(
                "There must be an epoch to train. "
                "Received: head_epochs=0, epochs=0"
            )
        for name in ("head_learning_rate", "learning_rate"):
            if not getattr(self, name) > 0:
                raise ValueError(
                    f"{name} must be above 0. "
                    f"Received: {name}={getattr(self, name)}"
                )
        if not 0 <= self.clean_weight <= 1:
            raise ValueError(
                "clean_weight must be in [0, 1]. "
                f"Received: clean_weight={self.clean_weight}"
            )


def finetune(
    model: keras.Model,
    images: tf.data.Dataset,
    attack: Callable | str,
    workdir: str | os.PathLike,
    hyperparameters: FineTuning | None = None,
    *,
    verbose: int = 2,
) -> Path:
    """Trains a model adversarially: its head first, then all of it.

    The gradients of a new, random head would destroy pretrained features, so
    the head learns first, while they are frozen. Adversarial images for a
    multi-scale ensemble are crafted at the scale of the largest weight. The
    optimiser is SGD with Nesterov momentum.

    Args:
        model: Maps pixels in [0, 1] to logits, such as
            `zoo.load(name, num_classes=5)` or `zoo.defend(model, "irm")`.
            It is trained in place.
        images: Single examples `(image, label)`, such as the first part of
            `datasets.split_folder`. The order may change at every pass, the
            images may not: augmentation belongs in the model.
        attack: `(model, images, labels) -> images`, or text for
            `attacks.parse`, such as `"pgd:eps=0.1"`.
        workdir: Folder for weights, checkpoints and logs. An interrupted run
            continues after its last epoch if the model starts from the same
            weights, the head excepted. The orders of shuffled images start
            again from the first. The weights of a finished run are read.
        hyperparameters: `None` for the defaults.
        verbose: As for `keras.Model.fit`.

    Returns:
        The file of the trained weights.

    Raises:
        ValueError: If there are no images or their number is unknown; if an
            image isn't floating-point pixels in [0, 1] of a shape that the
            model takes; if a label is no class of the model; if the model has
            no weights; if the attack's text is wrong; if the folder holds a
            run with other hyperparameters, other data or another model.
    """
    check_float_input(model)
    check_gives_logits(model)
    if isinstance(attack, str):
        attack = attacks.parse(attack)
    hyperparameters = hyperparameters or FineTuning()
    count = int(images.cardinality())
    if count < 1:
        raise ValueError(
            "images must be a known number of single examples, one or more. "
            f"Received: cardinality={count}"
        )
    head = _find_head(model) if hyperparameters.head_epochs else None
    workdir = Path(workdir)
    check_same_config(
        workdir / "finetuning.json",
        dataclasses.asdict(hyperparameters)
        | {
            "model": model.name,
            "weights": _start_digest(model, head),
            "dtype_policy": model.dtype_policy.name,
            "classes": model.output_shape[-1],
            "images": count,
            "data": data_digest(images, input_shape(model), class_count(model)),
            "attack": _described(attack),
        },
    )
    batches = images.batch(
        hyperparameters.batch_size,
        drop_remainder=count >= hyperparameters.batch_size,
    ).prefetch(tf.data.AUTOTUNE)
    weights = None
    for stage, epochs, learning_rate in (
        (
            "head",
            hyperparameters.head_epochs,
            hyperparameters.head_learning_rate,
        ),
        ("all", hyperparameters.epochs, hyperparameters.learning_rate),
    ):
        if not epochs:
            continue
        weights = workdir / f"{stage}.weights.h5"
        backup = Backup(workdir / f"{stage}_backup")
        if weights.exists():
            load_weights(model, weights)
            backup.delete()
            continue
        keras.utils.set_random_seed(hyperparameters.seed)
        head_alone = contextlib.nullcontext()
        if stage == "head":
            head_alone = frozen_but(model, [head])
        with head_alone, hint_if_interrupted(workdir):
            trainer = AdversarialTrainer(
                model,
                attack,
                clean_weight=hyperparameters.clean_weight,
                surrogate=dominant_scale(model),
            )
            schedule = keras.optimizers.schedules.CosineDecay(
                learning_rate, epochs * len(batches), alpha=0.01
            )
            trainer.compile(
                keras.optimizers.SGD(
                    schedule, momentum=0.9, nesterov=True, weight_decay=5e-4
                )
            )
            trainer.fit(
                batches,
                epochs=epochs,
                initial_epoch=backup.restore(trainer),
                shuffle=False,  # Keras cannot shuffle a data set, and warns.
                verbose=verbose,
                callbacks=[
                    backup,
                    *([TimeLeft(f"training of {stage}")] if verbose else []),
                    keras.callbacks.CSVLogger(
                        workdir / f"{stage}.csv", append=True
                    ),
                ],
            )
        save_weights(model, weights, dtype="float32", max_shard_size=None)
        backup.delete()
    return weights


@contextlib.contextmanager
def frozen_but(
    model: keras.Model, layers: Collection[keras.Layer]
) -> Iterator[None]:
    """Freezes all of a model's layers but some, then restores them.

    A frozen batch normalisation keeps its averages and uses them. Layers and
    single weights that were frozen before stay frozen, in the block and after
    it. Compile inside the block: Keras fixes what is trainable in `compile`.

    Args:
        model: Built model.
        layers: Layers that go on learning, with the layers inside them.
    """
    # A layer that holds others keeps its flag, which would freeze the head.
    leaves = [
        layer for layer in all_layers(model) if len(all_layers(layer)) == 1
    ]
    learning = {
        id(part)
        for layer in layers
        for part in (*all_layers(layer), *layer.variables)
    }
    # A layer's flag sets those of its weights, so weights come after it.
    parts = [*leaves, *model.variables]
    before = [(part, part.trainable) for part in parts]
    try:
        for part in parts:
            if id(part) not in learning:
                part.trainable = False
        yield
    finally:
        for part, trainable in before:
            part.trainable = trainable


def _find_head(model) -> keras.Layer:
    """Returns the layer `logits`, else the last that has weights."""
    with contextlib.suppress(ValueError):
        return find_head(model)
    for layer in reversed(model.layers):
        if isinstance(layer, keras.Model) and layer.weights:
            return _find_head(layer)
        if layer.weights:
            return layer
    raise ValueError(
        f"A model must have weights to train. Received: model={model.name}"
    )


def _described(attack) -> str:
    """Names an attack and its options, alike in every process."""
    if isinstance(attack, functools.partial):
        options = f"*{attack.args}, **{attack.keywords}"
        return f"{_described(attack.func)}({options})"
    name = getattr(attack, "__qualname__", None)
    return f"{attack.__module__}.{name}" if name else repr(attack)


def _start_digest(model, head) -> str:
    """Returns the SHA-256 of all weights but the head's, which are random."""
    skipped = {weight.path for weight in head.weights} if head else ()
    return arrays_digest(
        keras.ops.convert_to_numpy(weight)
        for weight in model.weights
        if weight.path not in skipped
    )
