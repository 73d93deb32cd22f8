"""Decoupled direction and norm."""

import functools
import math

import tensorflow as tf

from zoo.training.attacks.base import Attack
from zoo.training.attacks.parts import geometry
from zoo.training.attacks.parts.checks import checked_count
from zoo.training.attacks.parts.checks import checked_fallback
from zoo.training.attacks.parts.checks import checked_options
from zoo.training.attacks.parts.checks import checked_size
from zoo.training.attacks.parts.gradients import expected_logits
from zoo.training.attacks.parts.gradients import loss_gradient
from zoo.training.attacks.parts.gradients import rescaled
from zoo.training.attacks.parts.losses import succeeds


def ddn(
    *,
    steps: int = 100,
    gamma: float = 0.05,
    init_norm: float = 1.0,
    levels: int | None = 256,
    max_norm: float | None = None,
    fallback: str | None = None,
    targeted: bool = False,
    draws: int = 1,
) -> Attack:
    """Binds DDN, which looks for the smallest L2 perturbation that fools.

    Each step moves along the normalized gradient; the step size falls from 1
    to 0.01 along a cosine. The perturbation's norm is then set apart from its
    direction: smaller by the fraction `gamma` if the image already fooled the
    model, larger if not. The smallest perturbation that fooled is returned.
    As in the authors' code, except that the last iterate is tested too.

    Args:
        steps: Gradients taken. The paper attacks with 100 to 1000.
        gamma: Relative change of the norm at each step, in (0, 1).
        init_norm: L2 norm that the search starts from. The first step makes
            it smaller by `gamma` if the original fools the model, else
            larger.
        levels: Grey levels the images are rounded to, 256 for 8 bits;
            `None` doesn't round.
        max_norm: L2 norm to which larger results are shrunk at the end; a
            shrunk one may no longer fool. `None` for no bound. A shrunk
            result is rounded towards the original, which keeps it inside the
            ball (the authors' code rounds to the nearest level).
        fallback: What is returned for an image that never fooled the model.
            `"clean"`: the image itself, as in the authors' code. `"last"`:
            the last iterate; the unperturbed image then doesn't count as a
            success, so that misclassified images are perturbed too. `None`:
            `"last"` if there is a `max_norm`, as in training, where with few
            steps most images would otherwise come back clean; else
            `"clean"`.
        targeted: Whether the labels are the wanted classes.
        draws: Forward passes averaged in each step; more than 1 for
            randomised models.

    Raises:
        ValueError: If an option is out of range.

    Reference: [Rony et al., 2019](https://arxiv.org/abs/1811.09600),
    Algorithm 1, and `jeromerony/fast_adversarial`.
    """
    if levels is not None:
        levels = checked_count("levels", levels, least=2)
    options = checked_options(
        optional=("max_norm",),
        steps=steps,
        gamma=checked_size("gamma", gamma, positive=True),
        init_norm=checked_size("init_norm", init_norm, positive=True),
        levels=levels,
        max_norm=max_norm,
        fallback=checked_fallback(fallback, max_norm),
        targeted=targeted,
        draws=draws,
    )
    if gamma >= 1:
        raise ValueError(f"`gamma` must be below 1. Received: gamma={gamma}")
    return Attack(
        "ddn",
        functools.partial(_smallest_perturbation, **options),
        "l2",
        options["max_norm"],
        options,
        minimal=True,
        levels=levels,
        supports_jit=True,
    )


def _smallest_perturbation(
    logits,
    images,
    labels,
    *,
    steps,
    gamma,
    init_norm,
    levels,
    max_norm,
    fallback,
    targeted,
    draws,
):
    """Algorithm 1; iterates are kept as images, not as perturbations."""
    worst_norm = geometry.norms(tf.maximum(images, 1 - images), "l2")

    def remember(iterate, outputs, best, best_norm):
        """Keeps the smallest perturbation that fools the model."""
        fooled = succeeds(outputs, labels, targeted=targeted)
        fooled = fooled[:, None, None, None]
        norm = geometry.norms(iterate - images, "l2")
        better = fooled & (norm < best_norm)
        if fallback == "last":
            better &= norm > 0
        best = tf.where(better, iterate, best)
        return fooled, best, tf.where(better, norm, best_norm)

    def step(index, iterate, norm, best, best_norm):
        gradient, outputs = loss_gradient(
            logits, iterate, labels, targeted=targeted, draws=draws
        )
        fooled, best, best_norm = remember(iterate, outputs, best, best_norm)
        progress = tf.cast(index, "float32") / steps
        step_size = 0.01 + 0.99 * (1 + tf.cos(math.pi * progress)) / 2
        perturbation = iterate - images
        perturbation += step_size * _direction(gradient, index)
        norm *= tf.where(fooled, 1 - gamma, 1 + gamma)
        norm = tf.minimum(norm, worst_norm)
        perturbation *= tf.math.divide_no_nan(
            norm, geometry.norms(perturbation, "l2")
        )
        iterate = images + perturbation
        if levels is not None:
            iterate = tf.round(iterate * (levels - 1)) / (levels - 1)
        iterate = tf.clip_by_value(iterate, 0.0, 1.0)
        return index + 1, iterate, norm, best, best_norm

    norm = tf.fill(tf.shape(worst_norm), init_norm)
    _, last, _, best, best_norm = tf.while_loop(
        lambda index, *_: index < steps,
        step,
        (0, images, norm, images, worst_norm),
    )
    outputs = expected_logits(logits, last, draws=draws)
    _, best, best_norm = remember(last, outputs, best, best_norm)
    if fallback == "last":
        best = tf.where(best_norm < worst_norm, best, last)
    if max_norm is not None:
        best = _shrunk(best, images, max_norm, levels)
    return best


def _direction(gradient, index):
    """Returns the gradient at length 1, or noise where it is 0."""
    gradient = rescaled(gradient)
    length = geometry.norms(gradient, "l2")
    unit = tf.math.divide_no_nan(gradient, length)

    def with_noise():
        noise = tf.random.stateless_normal(tf.shape(unit), (index, 0))
        return tf.where(length == 0, noise, unit)

    return tf.cond(tf.reduce_any(length == 0), with_noise, lambda: unit)


def _shrunk(images, originals, max_norm, levels):
    """Shrinks larger perturbations, rounding towards the originals."""
    shrunk = geometry.project(images, originals, norm="l2", eps=max_norm)
    if levels is not None:
        scaled = shrunk * (levels - 1)
        shrunk = tf.where(
            shrunk > originals,
            tf.maximum(tf.floor(scaled) / (levels - 1), originals),
            tf.minimum(tf.math.ceil(scaled) / (levels - 1), originals),
        )
    norms = geometry.norms(images - originals, "l2")
    return tf.where(norms > max_norm, shrunk, images)
