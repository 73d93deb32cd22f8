"""The plain gradient attack."""

import functools
import math

import tensorflow as tf

from zoo.training.attacks.base import Attack
from zoo.training.attacks.parts import geometry
from zoo.training.attacks.parts.checks import checked_count
from zoo.training.attacks.parts.checks import checked_options
from zoo.training.attacks.parts.gradients import expected_logits
from zoo.training.attacks.parts.gradients import loss_gradient
from zoo.training.attacks.parts.gradients import rescaled
from zoo.training.attacks.parts.losses import succeeds


def gradient(
    *,
    steps: int = 1000,
    bisection_steps: int = 10,
    max_norm: float | None = None,
    targeted: bool = False,
    draws: int = 1,
) -> Attack:
    """Binds the gradient attack, a line search along one raw gradient.

    The gradient is taken once, at the image. Ever longer multiples of it are
    added, clipped to [0, 1], until one fools the model; bisection then
    shortens it. An image that none fools is returned unperturbed.

    Args:
        steps: Lengths tried, evenly spaced up to the longest.
        bisection_steps: Bisections between the first length that fools and
            the one before it; 0 for none.
        max_norm: Longest perturbation tried, in L2 before clipping. `None`
            for a root mean square of 1, at which few pixels are left
            unclipped.
        targeted: Whether the labels are the wanted classes.
        draws: Forward passes averaged for each length; more than 1 for
            randomised models.

    Raises:
        ValueError: If an option is out of range.

    Reference: `GradientAttack` of
    [Rauber et al., 2017](https://arxiv.org/abs/1707.04131), without the
    bisection.
    """
    options = checked_options(
        optional=("max_norm",),
        steps=steps,
        bisection_steps=checked_count(
            "bisection_steps", bisection_steps, least=0
        ),
        max_norm=max_norm,
        targeted=targeted,
        draws=draws,
    )
    return Attack(
        "gradient",
        functools.partial(_line_search, **options),
        "l2",
        options["max_norm"],
        options,
        minimal=True,
    )


def _line_search(
    logits, images, labels, *, steps, bisection_steps, max_norm, targeted, draws
):
    """Keeps for each image the shortest known to fool and the last too short.

    The former is infinite until there is one.
    """
    longest = max_norm
    if longest is None:
        longest = math.sqrt(math.prod(images.shape[1:]))
    spacing = longest / steps
    directions, outputs = loss_gradient(
        logits, images, labels, targeted=targeted, draws=draws
    )
    directions = rescaled(directions)
    lengths = geometry.norms(directions, "l2")
    directions = tf.math.divide_no_nan(directions, lengths)
    hopeless = lengths[:, 0, 0, 0] == 0
    done = hopeless | succeeds(outputs, labels, targeted=targeted)

    def step(index, short, enough, bisections, adversarial, active):
        low = tf.gather(short, active)
        high = tf.gather(enough, active)
        bracketed = tf.math.is_finite(high)
        scanned = tf.cast(index + 1, "float32") * spacing
        length = tf.where(bracketed, (low + high) / 2, scanned)
        candidates = geometry.project(
            tf.gather(images, active)
            + length[:, None, None, None] * tf.gather(directions, active),
            tf.gather(images, active),
            norm="l2",
            eps=longest,
        )
        outputs = expected_logits(logits, candidates, draws=draws)
        fooled = succeeds(outputs, tf.gather(labels, active), targeted=targeted)
        update = tf.tensor_scatter_nd_update
        rows = active[:, None]
        short = update(short, rows, tf.where(fooled, low, length))
        enough = update(enough, rows, tf.where(fooled, length, high))
        adversarial = update(adversarial, rows[fooled], candidates[fooled])
        bisections = tf.tensor_scatter_nd_add(
            bisections, rows, tf.cast(bracketed, "int32")
        )
        found = bracketed | fooled
        going = tf.where(
            found,
            tf.gather(bisections, active) < bisection_steps,
            index + 1 < steps,
        )
        return index + 1, short, enough, bisections, adversarial, active[going]

    zeros = tf.zeros_like(lengths[:, 0, 0, 0])
    state = (
        0,
        zeros,
        zeros + math.inf,
        tf.zeros_like(labels),
        images,
        tf.where(~done)[:, 0],
    )
    *_, adversarial, _ = tf.while_loop(
        lambda *state: tf.size(state[-1]) > 0,
        step,
        state,
        shape_invariants=(
            tf.TensorShape(()),
            zeros.shape,
            zeros.shape,
            labels.shape,
            images.shape,
            tf.TensorShape((None,)),
        ),
    )
    return adversarial
