"""Trains the strongest Fashion-MNIST presets, for one ball or for both.

    zoo train fashion_mnist_robust --workdir runs/fashion_mnist_robust

Each stage writes `<workdir>/<stage>.weights.h5` and starts from the weights of
another; the first starts from a robust preset's, with SiLU in place of ReLU.
An interrupted run continues after its last epoch. For each threat (`both`
balls, L-inf 0.1 as `linf`, L2 1.0 as `l2`) three stages follow each other:

1. `<threat>_bare`: the pyramid network at one scale, without JPEG. Most epochs
   are trained here, since a step costs a third of the ensemble's. Those of
   one ball continue from `both_bare`.
2. `<threat>_perturbed`: the same, at adversarially perturbed weights (AWP).
3. `<threat>`: IRM, with JPEG and all scales.

Adversarial images come from PGD of two steps from random starts. For `both`
they are half in one ball and half in the other. Two steps can overfit
catastrophically, so validation attacks with twenty: compare `adversarial` and
`val_adversarial` accuracy in `<stage>.csv`.

Every ingredient is a field of `Recipe`, and `python -m benchmarks.ingredients`
measures what each is worth on validation images.
"""

import dataclasses
import os
from pathlib import Path

import keras
import tensorflow as tf

import zoo
from zoo import models
from zoo import presets
from zoo.models.scale_views import dominant_scale
from zoo.training import attacks
from zoo.training import datasets
from zoo.training.recipes.stages import fit_stage
from zoo.training.recipes.stages import run_stages
from zoo.training.trainers.adversarial import AdversarialTrainer
from zoo.training.trainers.label_smoothing import LabelSmoothing
from zoo.weights import load_weights

TRAIN, VALIDATION = "train[:59000]", "train[59000:]"
ARCHITECTURE = {**presets.get("irm_wrn16_2").config}
"""Options of all stages' networks."""


@dataclasses.dataclass(frozen=True)
class Stage:
    """What a stage trains, and for how long.

    Args:
        balls: Norms of the balls that its adversarial images lie in.
        start: Stage whose weights it starts from; `None` for those of the
            recipe's preset.
        epochs: Passes over the training images.
        learning_rate: Initial learning rate.
        complete: Whether JPEG and all scales take part.
        perturbed: Whether weights are perturbed.
    """

    balls: tuple[str, ...]
    start: str | None
    epochs: int
    learning_rate: float
    complete: bool = False
    perturbed: bool = False


STAGES = {
    "both_bare": Stage(("linf", "l2"), None, 16, 0.1),
    "both_perturbed": Stage(
        ("linf", "l2"), "both_bare", 4, 0.02, perturbed=True
    ),
    "both": Stage(("linf", "l2"), "both_perturbed", 2, 0.01, complete=True),
    "linf_bare": Stage(("linf",), "both_bare", 6, 0.05),
    "linf_perturbed": Stage(("linf",), "linf_bare", 4, 0.02, perturbed=True),
    "linf": Stage(("linf",), "linf_perturbed", 2, 0.01, complete=True),
    "l2_bare": Stage(("l2",), "both_bare", 6, 0.05),
    "l2_perturbed": Stage(("l2",), "l2_bare", 4, 0.02, perturbed=True),
    "l2": Stage(("l2",), "l2_perturbed", 2, 0.01, complete=True),
}


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Hyperparameters of one run.

    Args:
        linf_eps: Radius of the L-inf ball.
        l2_eps: Radius of the L2 ball.
        attack_steps: Steps of PGD in training.
        validation_steps: Steps of PGD on validation images.
        start: Preset whose weights the first stage starts from; `None` for
            random ones.
        activation: `"silu"` or `"relu"`.
        weight_decay: Decoupled weight decay.
        drops: Shares of a stage after which the learning rate falls to a
            tenth; none for a cosine to a hundredth.
        average: Momentum of the averaged weights, which are what a stage
            leaves; 0 for none.
        label_smoothing: Epsilon.
        teacher: Preset that gives soft labels; `None` for none.
        teacher_share: Their share, beside the labels.
        weight_perturbation: Gamma of the perturbed stages; 0 for none.
        epochs: Factor on the epochs of all stages.
        train_images: First training images that are used; `None` for all.
        batch_size: Images in a step.
        dtype_policy: Keras dtype policy of the networks.
        seed: Seed of weights and order. An interrupted run starts again with
            the first epoch's order.
    """

    linf_eps: float = 0.1
    l2_eps: float = 1.2
    attack_steps: int = 2
    validation_steps: int = 20
    start: str | None = "irm_wrn16_2.tricks"
    activation: str = "silu"
    weight_decay: float = 5e-4
    drops: tuple[float, ...] = (0.75, 0.9)
    average: float = 0.999
    label_smoothing: float = 0.1
    teacher: str | None = None
    teacher_share: float = 0.5
    weight_perturbation: float = 0.005
    epochs: float = 1.0
    train_images: int | None = None
    batch_size: int = 256
    dtype_policy: str = "mixed_bfloat16"
    seed: int = 0


def train(
    workdir: str | os.PathLike,
    *,
    stages: tuple[str, ...] = tuple(STAGES),
    recipe: Recipe | None = None,
    data_dir: str | os.PathLike | None = None,
) -> dict[str, Path]:
    """Runs the stages in order and skips those already finished.

    Args:
        workdir: Folder for weights, checkpoints and logs.
        stages: Stages to run. The stage that one starts from must have run
            before, or be among them.
        recipe: Hyperparameters; `None` for the published ones.
        data_dir: Folder of TFDS' data; `None` for its default.

    Returns:
        The weight file of each stage.

    Raises:
        ValueError: If a stage is unknown, or the folder holds a run with
            other hyperparameters.
        FileNotFoundError: If the stage that one starts from has not run.
    """
    recipe = recipe or Recipe()

    def run(stage: str, workdir: Path) -> keras.Model:
        return _run(stage, recipe, workdir, data_dir)

    return run_stages(run, recipe, workdir, stages=stages, known=tuple(STAGES))


def _run(name: str, recipe: Recipe, workdir: Path, data_dir) -> keras.Model:
    stage = STAGES[name]
    model = _network(stage, recipe)
    if stage.start is None and recipe.start is not None:
        load_weights(model, zoo.download(recipe.start))
    elif stage.start is not None:
        weights = workdir / f"{stage.start}.weights.h5"
        if not weights.exists():
            raise FileNotFoundError(
                f"Stage {stage.start} must run first: there is no {weights}."
            )
        # JPEG and the scales have no weights: all stages' files are alike.
        load_weights(model, weights)
    images = _pipeline(TRAIN, recipe, data_dir, training=True)
    epochs = max(1, round(stage.epochs * recipe.epochs))
    trainer = _trainer(model, stage, recipe)
    trainer.compile(
        _optimizer(stage, recipe, epochs * len(images)),
        LabelSmoothing(recipe.label_smoothing),
    )
    fit_stage(
        trainer,
        name,
        workdir,
        images=images,
        validation=_pipeline(VALIDATION, recipe, data_dir),
        epochs=epochs,
    )
    return model


def _network(stage: Stage, recipe: Recipe) -> keras.Model:
    options = {**ARCHITECTURE, "activation": recipe.activation}
    if not stage.complete:
        options["qualities"] = None
    return models.irm(**options)


def _trainer(
    model: keras.Model, stage: Stage, recipe: Recipe
) -> AdversarialTrainer:
    """Returns the trainer; the attack sees the scale of the largest weight."""
    dominant = dominant_scale(model)
    teacher = None
    if recipe.teacher is not None:
        teacher = zoo.load(recipe.teacher)
    return AdversarialTrainer(
        model if stage.complete else dominant,
        _attack(stage, recipe, recipe.attack_steps),
        clean_weight=0.0,
        surrogate=dominant,
        teacher=teacher,
        teacher_share=recipe.teacher_share,
        weight_perturbation=(
            recipe.weight_perturbation if stage.perturbed else 0.0
        ),
        validation_attack=_attack(stage, recipe, recipe.validation_steps),
    )


def _attack(stage: Stage, recipe: Recipe, steps: int) -> attacks.Attack:
    radii = {"linf": recipe.linf_eps, "l2": recipe.l2_eps}
    balls = [
        attacks.pgd(norm=norm, eps=radii[norm], steps=steps, seed=recipe.seed)
        for norm in stage.balls
    ]
    if len(balls) == 1:
        return balls[0]
    return attacks.mixture(attacks=balls, seed=recipe.seed)


def _optimizer(
    stage: Stage, recipe: Recipe, steps: int
) -> keras.optimizers.Optimizer:
    rate = stage.learning_rate
    if recipe.drops:
        schedule = keras.optimizers.schedules.PiecewiseConstantDecay(
            [round(share * steps) for share in recipe.drops],
            [rate * 0.1**k for k in range(len(recipe.drops) + 1)],
        )
    else:
        schedule = keras.optimizers.schedules.CosineDecay(
            rate, steps, alpha=0.01
        )
    return keras.optimizers.SGD(
        schedule,
        momentum=0.9,
        nesterov=True,
        weight_decay=recipe.weight_decay,
        use_ema=recipe.average > 0,
        ema_momentum=recipe.average or 0.99,
    )


def _pipeline(split: str, recipe: Recipe, data_dir, *, training=False):
    if training and recipe.train_images is not None:
        split = f"train[:{recipe.train_images}]"
    images = datasets.load(
        "fashion_mnist",
        split,
        shuffle=training,
        seed=recipe.seed,
        data_dir=data_dir,
    )
    images = images.batch(recipe.batch_size, drop_remainder=training)
    return images.prefetch(tf.data.AUTOTUNE)
