"""The targeted fast adaptive boundary attack."""

import functools
import math

import tensorflow as tf

from zoo.training.attacks.base import Attack
from zoo.training.attacks.base import SeedGenerator
from zoo.training.attacks.parts import geometry
from zoo.training.attacks.parts.checks import checked_count
from zoo.training.attacks.parts.checks import checked_options
from zoo.training.attacks.parts.gradients import expected_logits
from zoo.training.attacks.parts.gradients import margin_gradients
from zoo.training.attacks.parts.line_search import shortened
from zoo.training.attacks.parts.losses import likeliest_others
from zoo.training.attacks.parts.losses import succeeds

# In the paper alpha_max, eta and beta, and the steps of the final search.
_LARGEST_BIAS = 0.1
_OVERSHOOT = 1.05
_RETREAT = 0.9
_SEARCH_STEPS = 3


def fab(
    *,
    norm: str = "linf",
    eps: float | None = None,
    steps: int = 100,
    restarts: int = 1,
    classes: int = 10,
    draws: int = 1,
    seed: int | None = None,
) -> Attack:
    """Binds FAB-T, which looks for the smallest perturbation that fools.

    For each target class in turn it walks along the boundary between that
    class and the image's own, linearized anew in each step and projected on
    inside [0, 1], with a bias towards the original. The smallest
    perturbation that fooled, whichever the class it led to, is shortened by
    a line search and returned. One that is misclassified from the start, or
    never fooled the model, is returned unperturbed. Untargeted: the attack
    chooses the target classes itself.

    Args:
        norm: `"linf"` or `"l2"`, the norm to minimize.
        eps: Radius that is small enough, in pixel values (0 to 1). An image
            then leaves the batch as soon as it fools the model within this
            radius, so its perturbation is not the smallest. One that only
            fools the model farther away counts as failed and is returned
            unperturbed. `None` minimizes the norm instead.
        steps: Steps towards each target class, in each restart.
        restarts: Times that all targets are tried: first from the image,
            then from random points around it, at most half the radius or
            half the best norm so far away, whichever is smaller.
        classes: Targets are the classes of that many largest logits, less
            the image's own; 2 or more. 10 makes nine targets, as in
            AutoAttack.
        draws: Passes averaged in each step and test; more than 1 for
            randomised models.
        seed: Fixes the random starts. They differ from call to call.

    Raises:
        ValueError: If an option is out of range.

    Reference: [Croce & Hein, 2020](https://arxiv.org/abs/1907.02044),
    Algorithm 1; targets as in AutoAttack's FAB-T, by
    [the same](https://arxiv.org/abs/2003.01690).
    """
    options = checked_options(
        optional=("eps",),
        norm=norm,
        eps=eps,
        steps=steps,
        restarts=restarts,
        classes=checked_count("classes", classes, least=2),
        draws=draws,
    )
    generator = SeedGenerator(seed)
    return Attack(
        "fab",
        functools.partial(
            _smallest_perturbation, generator=generator, **options
        ),
        norm,
        options["eps"],
        options | {"seed": seed},
        early_stop=eps is not None,
        minimal=True,
        generators=(generator,),
    )


def _smallest_perturbation(
    logits,
    images,
    labels,
    *,
    norm,
    eps,
    steps,
    restarts,
    classes,
    draws,
    generator,
):
    """Tries each target; `best` holds the originals until they are fooled."""
    radius = math.inf if eps is None else eps
    outputs = expected_logits(logits, images, draws=draws)
    targets = likeliest_others(outputs, labels, classes - 1)

    def start(trial, originals, best_norms):
        def random():
            radii = tf.minimum(best_norms, radius) / 2
            noise = geometry.sample(
                tf.shape(originals), norm=norm, eps=1.0, seed=generator.next()
            )
            return tf.clip_by_value(originals + radii * noise, 0.0, 1.0)

        if restarts == 1:
            return originals
        return tf.cond(trial < targets.shape[1], lambda: originals, random)

    def attempt(trial, best, best_norms, active):
        iterates = start(
            trial, tf.gather(images, active), tf.gather(best_norms, active)
        )
        best, best_norms, active = _walk(
            logits,
            images,
            labels,
            targets[:, trial % targets.shape[1]],
            iterates,
            best,
            best_norms,
            active,
            norm=norm,
            radius=radius,
            steps=steps,
            draws=draws,
        )
        return trial + 1, best, best_norms, active

    farthest = geometry.norms(tf.maximum(images, 1 - images), norm)
    active = tf.range(tf.shape(images)[0])[~succeeds(outputs, labels)]
    _, best, _, active = tf.while_loop(
        lambda trial, *state: (
            (trial < restarts * targets.shape[1]) & (tf.size(state[-1]) > 0)
        ),
        attempt,
        (0, images, farthest, active),
        shape_invariants=(
            tf.TensorShape(()),
            images.shape,
            farthest.shape,
            tf.TensorShape((None,)),
        ),
    )

    best = tf.tensor_scatter_nd_update(
        best,
        active[:, None],
        shortened(
            logits,
            tf.gather(images, active),
            tf.gather(outputs, active),
            tf.gather(labels, active),
            tf.gather(best, active),
            steps=_SEARCH_STEPS,
            draws=draws,
        ),
    )
    if eps is None:
        return best
    norms = geometry.norms(best - images, norm)
    return tf.where(norms <= eps, best, images)


def _walk(
    logits,
    images,
    labels,
    targets,
    iterates,
    best,
    best_norms,
    active,
    *,
    norm,
    radius,
    steps,
    draws,
):
    """Algorithm 1 towards one target class, for the active images.

    Images leave when they are fooled within the radius, if it is finite.
    """

    def step(index, iterates, best, best_norms, active):
        originals = tf.gather(images, active)
        labels_now = tf.gather(labels, active)
        margins, gradients = margin_gradients(
            logits,
            iterates,
            labels_now,
            tf.gather(targets, active)[:, None],
            draws=draws,
        )
        iterates = _biased_step(
            iterates, originals, margins[0], gradients[0], norm
        )
        outputs = expected_logits(logits, iterates, draws=draws)
        fooled = succeeds(outputs, labels_now)[:, None, None, None]
        norms = geometry.norms(iterates - originals, norm)
        smallest = tf.gather(best_norms, active)
        better = fooled & (norms <= smallest)
        rows = active[:, None]
        best = tf.tensor_scatter_nd_update(
            best, rows, tf.where(better, iterates, tf.gather(best, active))
        )
        best_norms = tf.tensor_scatter_nd_update(
            best_norms, rows, tf.where(better, norms, smallest)
        )
        retreated = originals + _RETREAT * (iterates - originals)
        iterates = tf.where(fooled, retreated, iterates)
        if radius < math.inf:
            keep = ~tf.reshape(fooled & (norms <= radius), (-1,))
            iterates, active = iterates[keep], active[keep]
        return index + 1, iterates, best, best_norms, active

    _, _, *state = tf.while_loop(
        lambda index, *state: (index < steps) & (tf.size(state[-1]) > 0),
        step,
        (0, iterates, best, best_norms, active),
        shape_invariants=(
            tf.TensorShape(()),
            tf.TensorShape((None, *images.shape[1:])),
            best.shape,
            best_norms.shape,
            tf.TensorShape((None,)),
        ),
    )
    return state


def _biased_step(iterates, originals, margins, gradients, norm):
    """Steps to the boundary's plane, the nearer it is the less biased."""
    offsets = tf.reduce_sum(gradients * (originals - iterates), (1, 2, 3))
    moves = geometry.displacements(iterates, gradients, -margins, norm=norm)
    original_moves = geometry.displacements(
        originals, gradients, -margins - offsets, norm=norm
    )
    length = geometry.norms(moves, norm)
    original_length = geometry.norms(original_moves, norm)
    bias = tf.math.divide_no_nan(length, length + original_length)
    bias = tf.minimum(bias, _LARGEST_BIAS)
    stepped = (1 - bias) * (iterates + _OVERSHOOT * moves)
    stepped += bias * (originals + _OVERSHOOT * original_moves)
    return tf.clip_by_value(stepped, 0.0, 1.0)
