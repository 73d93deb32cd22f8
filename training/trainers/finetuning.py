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
from zoo.inspection import find_head
from zoo.inspection import input_shape
from zoo.models.scale_views import dominant_scale
from zoo.training.trainers.adversarial import AdversarialTrainer
from zoo.training.trainers.run_folder import Backup
from zoo.training.trainers.run_folder import check_same_config
from zoo.training.trainers.run_folder import data_digest
from zoo.weights import load_weights
from zoo.weights import save_weights
from zoo.weights.digests import arrays_digest


@dataclasses.dataclass(frozen=True, kw_only=True)
class FineTuning:
    """Numbers of a fine-tuning.

    Args:
        head_epochs: Epochs of the first phase, which trains the layer
            `logits` alone, or the last one with weights if none or several
            are called so; 0 leaves it out.
        epochs: Epochs of the second phase, which trains everything.
        head_learning_rate: Initial learning rate of the first phase; falls
            along a cosine to a hundredth.
        learning_rate: The same of the second.
        batch_size: Images in a step, or all there are.
        clean_weight: Share of the clean images' loss, in [0, 1].
        seed: Of what the training draws.

    Raises:
        ValueError: If a number is out of its range.
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
    attack: Callable,
    workdir: str | os.PathLike,
    numbers: FineTuning | None = None,
    *,
    verbose: int = 2,
) -> Path:
    """Trains a model adversarially: its head first, then all of it.

    A new head on pretrained features would at first send noise through them,
    so it learns while they are frozen. The samples for a multi-scale
    ensemble are crafted at the scale of the largest weight. The optimiser is
    SGD with Nesterov momentum.

    Args:
        model: Maps pixels in [0, 1] to logits, such as
            `zoo.load(name, num_classes=5)` or `zoo.defend(model, "irm")`
            give it; trained in place.
        images: Single examples `(image, label)`, such as the first part of
            `datasets.split_folder`; at best shuffled anew at every pass, but
            otherwise the same. What augments them belongs in the model.
        attack: `(model, images, labels) -> images`.
        workdir: Folder for weights, checkpoints and logs. A run that was
            killed goes on from its last epoch, given the model that it
            started from, of which only the head may have other weights; the
            orders of shuffled images begin anew. One that was finished is
            read.
        numbers: Those of the run; `None` for the defaults.
        verbose: As for `keras.Model.fit`.

    Returns:
        The file of the trained weights.

    Raises:
        ValueError: If there are no images or their number is unknown, one is
            not of floating-point pixels in [0, 1] of a shape that the model
            takes, the model has no weights, or the folder holds a run of
            other numbers, other data or another model.
    """
    check_float_input(model)
    numbers = numbers or FineTuning()
    count = int(images.cardinality())
    if count < 1:
        raise ValueError(
            "images must be a known number of single examples, one or more. "
            f"Received: cardinality={count}"
        )
    head = _find_head(model) if numbers.head_epochs else None
    workdir = Path(workdir)
    check_same_config(
        workdir / "finetuning.json",
        dataclasses.asdict(numbers)
        | {
            "model": model.name,
            "weights": _start_digest(model, head),
            "dtype_policy": model.dtype_policy.name,
            "classes": model.output_shape[-1],
            "images": count,
            "data": data_digest(images, input_shape(model)),
            "attack": _described(attack),
        },
    )
    batches = images.batch(
        numbers.batch_size, drop_remainder=count >= numbers.batch_size
    ).prefetch(tf.data.AUTOTUNE)
    weights = None
    for phase, epochs, learning_rate in (
        ("head", numbers.head_epochs, numbers.head_learning_rate),
        ("all", numbers.epochs, numbers.learning_rate),
    ):
        if not epochs:
            continue
        weights = workdir / f"{phase}.weights.h5"
        backup = Backup(workdir / f"{phase}_backup")
        if weights.exists():
            load_weights(model, weights)
            backup.delete()
            continue
        keras.utils.set_random_seed(numbers.seed)
        head_alone = contextlib.nullcontext()
        if phase == "head":
            head_alone = frozen_but(model, [head])
        with head_alone:
            trainer = AdversarialTrainer(
                model,
                attack,
                clean_weight=numbers.clean_weight,
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
                shuffle=False,  # The data are, if anything.
                verbose=verbose,
                callbacks=[
                    backup,
                    keras.callbacks.CSVLogger(
                        workdir / f"{phase}.csv", append=True
                    ),
                ],
            )
        save_weights(model, weights, dtype="float32", max_shard_size=None)
        backup.delete()
    return weights


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
    """Tells attacks apart, across processes; functions by their names."""
    if isinstance(attack, functools.partial):
        options = f"*{attack.args}, **{attack.keywords}"
        return f"{_described(attack.func)}({options})"
    name = getattr(attack, "__qualname__", None)
    return f"{attack.__module__}.{name}" if name else repr(attack)


def _start_digest(model, head) -> str:
    """Returns the SHA-256 of the weights but the head's, which are random."""
    skipped = {weight.path for weight in head.weights} if head else ()
    return arrays_digest(
        keras.ops.convert_to_numpy(weight)
        for weight in model.weights
        if weight.path not in skipped
    )


@contextlib.contextmanager
def frozen_but(
    model: keras.Model, layers: Collection[keras.Layer]
) -> Iterator[None]:
    """Freezes all of a model's layers but some, then restores them.

    A frozen batch normalisation keeps its averages and uses them. Layers and
    single weights that were frozen before are so inside and afterwards.
    Compile inside the block, for Keras counts what is trainable then.

    Args:
        model: Built model.
        layers: What goes on learning, with the layers inside it, as far as it
            could before.
    """
    # Layers that hold layers keep their flag, which would be the head's, too.
    leaves = [
        layer for layer in all_layers(model) if len(all_layers(layer)) == 1
    ]
    learning = {
        id(part)
        for layer in layers
        for part in (*all_layers(layer), *layer.variables)
    }
    # A layer's flag sets those of its weights, so these come after it.
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
