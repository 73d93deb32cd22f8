"""Auto-PGD's ascent, which chooses its own step sizes.

Reference: [Croce & Hein, 2020](https://arxiv.org/abs/2003.01690),
Algorithm 1.
"""

import math
from collections.abc import Callable
from typing import Any
from typing import NamedTuple

import tensorflow as tf

from zoo.training.attacks.parts import geometry
from zoo.training.attacks.parts.gradients import objective_gradient
from zoo.training.attacks.parts.gradients import steepest

_MOMENTUM = 0.75  # Weight of the new step; the paper's alpha.
_RISING = 0.75  # Fraction of steps that must raise the objective; rho.


class _Climb(NamedTuple):
    """State of the images still climbing, one row each.

    Args:
        rows: Where they are in the batch.
        images: The originals.
        classes: What the objective and the success depend on, besides logits.
        iterates: x(k).
        previous: x(k - 1).
        losses: Objective at x(k).
        best: Iterate of the highest objective; once the image leaves, the
            one that fooled.
        best_gradients: Objective's gradient there.
        best_losses: Objective there.
        best_fooled: Whether it fools.
        step_sizes: Of the next step.
        rises: Steps since the checkpoint before that raised the objective.
        checkpoint_losses: `best_losses` at the checkpoint before.
        halved: Whether the step size was halved there.
    """

    rows: tf.Tensor
    images: tf.Tensor
    classes: Any
    iterates: tf.Tensor
    previous: tf.Tensor
    losses: tf.Tensor
    best: tf.Tensor
    best_gradients: tf.Tensor
    best_losses: tf.Tensor
    best_fooled: tf.Tensor
    step_sizes: tf.Tensor
    rises: tf.Tensor
    checkpoint_losses: tf.Tensor
    halved: tf.Tensor


def auto_pgd(
    logits: Callable[[tf.Tensor], tf.Tensor],
    images: tf.Tensor,
    classes: Any,
    *,
    objective: Callable[[tf.Tensor, Any], tf.Tensor],
    success: Callable[[tf.Tensor, Any], tf.Tensor],
    start: tf.Tensor,
    norm: str,
    eps: float,
    steps: int,
    early_stop: bool,
    draws: int,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Climbs an objective inside a ball, halving the steps that fail it.

    The first step size is twice the radius. At each checkpoint, an image
    whose objective rose in too few steps, or whose best did not improve,
    halves its step size and goes back to its best iterate. A checkpoint looks
    at x(k) as soon as its objective is known, one step before the paper's
    listing does.

    Args:
        logits: Maps images to logits.
        classes: A tensor of one row an image, or a structure of them.
        objective: Maps logits and classes to the values to climb.
        success: Maps logits and classes to whether the model is fooled.
        start: First iterates, in the ball.
        steps: Steps taken; one gradient more is.
        early_stop: Whether an image leaves the batch at the first iterate
            that fools the model, which is then its result.
        draws: As of `objective_gradient`.

    Returns:
        The best iterates, their objective, and whether they fool.
    """
    periods = tf.constant(_periods(steps))

    def step(index, climb, results):
        losses, gradients, outputs = objective_gradient(
            logits,
            climb.iterates,
            lambda outputs: objective(outputs, climb.classes),
            draws=draws,
        )
        fooled = success(outputs, climb.classes)
        better = losses > climb.best_losses
        if early_stop:
            better |= fooled
        climb = _remember(climb, better, gradients, losses, fooled)
        results = tf.nest.map_structure(
            lambda whole, part: tf.tensor_scatter_nd_update(
                whole, climb.rows[:, None], part
            ),
            results,
            (climb.best, climb.best_losses, climb.best_fooled),
        )
        if early_stop:
            staying = tf.where(~fooled)[:, 0]
            climb, gradients = tf.nest.map_structure(
                lambda part: tf.gather(part, staying), (climb, gradients)
            )
        climb, gradients = _check(climb, gradients, periods[index])
        weight = tf.where(index == 0, 1.0, _MOMENTUM)
        climb = _move(climb, gradients, weight, norm=norm, eps=eps)
        return index + 1, climb, results

    losses = tf.fill(tf.shape(images)[:1], -math.inf)
    none = tf.zeros_like(losses, "bool")
    climb = _Climb(
        rows=tf.range(tf.shape(images)[0]),
        images=images,
        classes=classes,
        iterates=start,
        previous=start,
        losses=-losses,
        best=start,
        best_gradients=tf.zeros_like(images),
        best_losses=losses,
        best_fooled=none,
        step_sizes=tf.fill(tf.shape(losses), 2 * eps),
        rises=tf.zeros_like(losses),
        checkpoint_losses=losses,
        halved=none,
    )
    results = (start, losses, none)
    _, _, results = tf.while_loop(
        lambda index, climb, _: (index <= steps) & (tf.size(climb.rows) > 0),
        step,
        (0, climb, results),
        shape_invariants=(
            tf.TensorShape(()),
            tf.nest.map_structure(
                lambda part: tf.TensorShape((None, *part.shape[1:])), climb
            ),
            tf.nest.map_structure(lambda part: part.shape, results),
        ),
    )
    return results


def _periods(steps):
    """Returns for each x(k) the steps since the checkpoint before.

    It is -1 where k is not a checkpoint.
    """
    periods = [-1] * (steps + 1)
    periods[0] = last = 0
    percent, gap = 22, 22
    while percent <= 100:
        checkpoint = math.ceil(percent * steps / 100)
        periods[checkpoint] = max(checkpoint - last, periods[checkpoint])
        last = checkpoint
        gap = max(gap - 3, 6)
        percent += gap
    return periods


def _remember(climb, better, gradients, losses, fooled):
    """Records the objective at x(k) and whether it is the best so far."""
    return climb._replace(
        best=_where(better, climb.iterates, climb.best),
        best_gradients=_where(better, gradients, climb.best_gradients),
        best_losses=tf.where(better, losses, climb.best_losses),
        best_fooled=tf.where(better, fooled, climb.best_fooled),
        rises=climb.rises + tf.cast(losses > climb.losses, "float32"),
        losses=losses,
    )


def _check(climb, gradients, period):
    """Halves steps by conditions 1 and 2, if x(k) is a checkpoint."""
    here = period >= 0
    few = climb.rises < _RISING * tf.cast(period, "float32")
    stuck = ~climb.halved & (climb.best_losses == climb.checkpoint_losses)
    halve = here & (few | stuck)
    checked = climb._replace(
        iterates=_where(halve, climb.best, climb.iterates),
        losses=tf.where(halve, climb.best_losses, climb.losses),
        step_sizes=tf.where(halve, climb.step_sizes / 2, climb.step_sizes),
        rises=tf.where(here, 0.0, climb.rises),
        checkpoint_losses=tf.where(
            here, climb.best_losses, climb.checkpoint_losses
        ),
        halved=tf.where(here, halve, climb.halved),
    )
    return checked, _where(halve, climb.best_gradients, gradients)


def _move(climb, gradients, weight, *, norm, eps):
    """Steps to x(k + 1), inside the ball after each of two parts."""
    sizes = climb.step_sizes[:, None, None, None]
    stepped = geometry.project(
        climb.iterates + sizes * steepest(gradients, norm),
        climb.images,
        norm=norm,
        eps=eps,
    )
    moved = climb.iterates + weight * (stepped - climb.iterates)
    moved += (1 - weight) * (climb.iterates - climb.previous)
    return climb._replace(
        iterates=geometry.project(moved, climb.images, norm=norm, eps=eps),
        previous=climb.iterates,
    )


def _where(condition, images, others):
    return tf.where(condition[:, None, None, None], images, others)
