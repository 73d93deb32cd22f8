"""The stages of IRM's ablation (table 4): networks and their training."""

import dataclasses
from collections.abc import Mapping

import keras

import zoo.models
from zoo import presets
from zoo.models.scale_views import dominant_scale
from zoo.models.scale_views import find_ensemble
from zoo.training import attacks
from zoo.training.trainers.adversarial import AdversarialTrainer
from zoo.training.trainers.label_smoothing import LabelSmoothing


@dataclasses.dataclass(frozen=True)
class Stage:
    """What a stage trains, on which images and for how long.

    Args:
        network: `"wrn"`, `"jpeg"` (JPEG in front of it), `"spp"` (pyramid
            and scales) or `"irm"` (both).
        start: Stage whose weights it starts from; `None` for random ones.
        epochs: Published number of epochs.
        learning_rate: Published initial learning rate.
        samples: `None` for clean images alone; `"ddn"`; or `"mixture"`, the
            paper's last step: label smoothing, logit pairing, and images of
            PGD and DeepFool beside DDN's.
        all_scales: Whether an ensemble is trained at all its scales, or only
            at the scale of the largest weight.
    """

    network: str
    start: str | None
    epochs: int
    learning_rate: float
    samples: str | None = "ddn"
    all_scales: bool = True


STAGES = {
    "undefended": Stage("wrn", None, 12, 0.1, samples=None),
    "ddn_wrn": Stage("wrn", "undefended", 8, 0.05),
    "jpeg_ddn_wrn": Stage("jpeg", "ddn_wrn", 5, 0.04),
    "spp_ddn_wrn": Stage("spp", "ddn_wrn", 5, 0.04),
    "ddn": Stage("irm", "undefended", 8, 0.05, all_scales=False),
    "irm": Stage("irm", "ddn", 10, 0.04),
    "tricks": Stage("irm", "irm", 5, 0.04, samples="mixture"),
}

_IRM = presets.get("irm_wrn16_2").config


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Hyperparameters of one run.

    Args:
        scales: Side lengths of the ensemble in pixels, the smallest first.
        scale_weights: Lambda of equation 1.
        epochs: Epochs of each stage.
        learning_rates: Initial learning rate of each stage.
        batch_size: Images in a step.
        attack_steps: Steps of DDN.
        mixture_steps: Steps of each attack in the last stage.
        attack_norm: Initial L2 norm of DDN.
        max_norm: Largest L2 norm of DDN's and DeepFool's perturbations.
        attack_eps: Largest L-inf norm of PGD's perturbations.
        shares: Shares of DDN, PGD and DeepFool in the last stage's batches.
        label_smoothing: Epsilon of the last stage.
        logit_pairing: Weight of equation 4 in the last stage.
        clean_weight: Alpha of equation 2 in the last stage; 0 in the others.
        dtype_policy: Keras dtype policy of the networks.
        seed: Seed of weights and order. An interrupted run starts again with
            the first epoch's order, and the parallel augmentation doesn't
            repeat exactly.
    """

    scales: tuple[int, ...] = _IRM["scales"]
    scale_weights: tuple[float, ...] = _IRM["scale_weights"]
    epochs: Mapping[str, int] = dataclasses.field(
        default_factory=lambda: {k: v.epochs for k, v in STAGES.items()}
    )
    learning_rates: Mapping[str, float] = dataclasses.field(
        default_factory=lambda: {k: v.learning_rate for k, v in STAGES.items()}
    )
    batch_size: int = 128
    attack_steps: int = 2
    mixture_steps: int = 4
    attack_norm: float = 1.3
    max_norm: float = 1.45
    attack_eps: float = 0.1
    shares: tuple[float, float, float] = (0.45, 0.45, 0.1)
    label_smoothing: float = 0.1
    logit_pairing: float = 0.5
    clean_weight: float = 0.25
    dtype_policy: str = "mixed_bfloat16"
    seed: int = 0


def build(stage: Stage, recipe: Recipe, architecture: dict) -> keras.Model:
    """Builds a stage's network, with random weights.

    Args:
        architecture: Options of the Wide ResNet.
    """
    if stage.network == "wrn":
        return zoo.models.wide_resnet(**architecture)
    if stage.network == "jpeg":
        return zoo.models.jpeg_wide_resnet(**architecture)
    compression = {"qualities": None} if stage.network == "spp" else {}
    return zoo.models.irm(
        **architecture,
        **compression,
        scales=recipe.scales,
        scale_weights=recipe.scale_weights,
    )


def copy_weights(source: keras.Model, target: keras.Model) -> None:
    """Copies the weights of one stage's Wide ResNet to another's.

    If the poolings differ, so do the classifying layers' shapes; the target
    then keeps its own.
    """
    source, target = _wide_resnet(source), _wide_resnet(target)
    for layer in target.layers:
        source_layer = source.get_layer(layer.name)
        shapes = [weight.shape for weight in layer.weights]
        if shapes == [weight.shape for weight in source_layer.weights]:
            layer.set_weights(source_layer.get_weights())
        elif layer.name != "logits":
            raise ValueError(
                "The networks must differ in their classifying layers alone. "
                f"Received: another shape of {layer.name}"
            )


def compiled(
    model: keras.Model,
    stage: Stage,
    recipe: Recipe,
    optimizer: keras.optimizers.Optimizer,
) -> keras.Model:
    """Compiles what `fit` is called on: the model, or a trainer of it."""
    if stage.samples is None:
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizer, loss, metrics=["accuracy"])
        return model
    dominant = dominant_scale(model)
    trained = model if stage.all_scales else dominant
    if stage.samples == "ddn":
        trainer = AdversarialTrainer(
            trained,
            _ddn(recipe, recipe.attack_steps),
            clean_weight=0.0,
            surrogate=dominant,
        )
        trainer.compile(optimizer)
        return trainer
    trainer = AdversarialTrainer(
        trained,
        _mixture(recipe),
        clean_weight=recipe.clean_weight,
        logit_pairing=recipe.logit_pairing,
        surrogate=dominant,
    )
    trainer.compile(optimizer, LabelSmoothing(recipe.label_smoothing))
    return trainer


def _ddn(recipe: Recipe, steps: int) -> attacks.Attack:
    return attacks.ddn(
        steps=steps,
        init_norm=recipe.attack_norm,
        max_norm=recipe.max_norm,
    )


def _mixture(recipe: Recipe) -> attacks.Attack:
    steps = recipe.mixture_steps
    pgd = attacks.pgd(eps=recipe.attack_eps, steps=steps, seed=recipe.seed)
    # Each further class would cost one more gradient a step.
    deepfool = attacks.deepfool(
        steps=steps, classes=2, max_norm=recipe.max_norm
    )
    return attacks.mixture(
        attacks=(_ddn(recipe, steps), pgd, deepfool),
        shares=recipe.shares,
        seed=recipe.seed,
    )


def _wide_resnet(model: keras.Model) -> keras.Model:
    ensemble = find_ensemble(model)
    if ensemble is not None:
        return ensemble.classifier
    inner = (part for part in model.layers if isinstance(part, keras.Model))
    return next(inner, model)
