"""Uniform random noise."""

import functools

import tensorflow as tf

from zoo.training.attacks.base import Attack
from zoo.training.attacks.base import SeedGenerator
from zoo.training.attacks.parts import geometry
from zoo.training.attacks.parts.checks import checked_count
from zoo.training.attacks.parts.checks import checked_options
from zoo.training.attacks.parts.restarts import worst_of


def noise(
    *,
    norm: str = "linf",
    eps: float,
    repeats: int = 10,
    targeted: bool = False,
    draws: int = 1,
    seed: int | None = None,
) -> Attack:
    """Binds random noise, which needs predictions alone.

    An image keeps the first of several perturbations, drawn uniformly from
    the ball, that fools the model, else the one with the highest loss. No
    real attack may do worse than this one.

    Args:
        norm: `"linf"` or `"l2"`.
        eps: Radius of the ball, in pixel values (0 to 1).
        repeats: Perturbations drawn for each image.
        targeted: Whether the labels are the wanted classes.
        draws: Forward passes averaged for each perturbation; more than 1 for
            randomised models.
        seed: Fixes the perturbations. They differ from call to call.

    Raises:
        ValueError: If an option is out of range.
    """
    options = checked_options(
        norm=norm,
        eps=eps,
        repeats=checked_count("repeats", repeats),
        targeted=targeted,
        draws=draws,
    )
    generator = SeedGenerator(seed)
    return Attack(
        "noise",
        functools.partial(_worst_noise, generator=generator, **options),
        norm,
        options["eps"],
        options | {"seed": seed},
        black_box=True,
        early_stop=True,
        supports_jit=repeats == 1,
        generators=(generator,),
    )


def _worst_noise(
    logits, images, labels, *, norm, eps, repeats, targeted, draws, generator
):
    def perturbed(images, labels):
        perturbations = geometry.sample(
            tf.shape(images), norm=norm, eps=eps, seed=generator.next()
        )
        return tf.clip_by_value(images + perturbations, 0.0, 1.0)

    return worst_of(
        perturbed,
        logits,
        images,
        labels,
        count=repeats,
        early_stop=True,
        targeted=targeted,
        draws=draws,
    )
