"""DeepFool."""

import functools

import tensorflow as tf

from zoo.training.attacks.base import Attack
from zoo.training.attacks.base import compiles_with_xla
from zoo.training.attacks.parts import geometry
from zoo.training.attacks.parts.checks import checked_count
from zoo.training.attacks.parts.checks import checked_fallback
from zoo.training.attacks.parts.checks import checked_options
from zoo.training.attacks.parts.checks import checked_size
from zoo.training.attacks.parts.gradients import expected_logits
from zoo.training.attacks.parts.gradients import margin_gradients
from zoo.training.attacks.parts.losses import likeliest_others
from zoo.training.attacks.parts.losses import succeeds

_SHORTEST_STEP = 1e-4


def deepfool(
    *,
    norm: str = "l2",
    steps: int = 50,
    classes: int = 10,
    overshoot: float = 0.02,
    max_norm: float | None = None,
    fallback: str | None = None,
    draws: int = 1,
) -> Attack:
    """Binds DeepFool, which walks to the nearest boundary, linearized anew.

    Each step goes to the nearest of the hyperplanes that approximate the
    boundaries of the image's class, but at least 0.0001 far. The overshoot
    and clipping to [0, 1] follow; the image leaves the batch as soon as the
    model then mistakes it. Untargeted.

    Args:
        norm: `"l2"` or `"linf"`, the norm to minimize.
        steps: Steps at most.
        classes: Number of classes, of the largest logits, whose boundaries
            are approximated, the image's own class included; 2 or more.
        overshoot: Fraction by which the sum of the steps is lengthened, to
            end beyond the boundary.
        max_norm: Norm to which larger results are shrunk at the end, so that
            a shrunk one may no longer fool; `None` for no bound.
        fallback: What is returned for an image that is misclassified from
            the start, or that doesn't fool the model after the last step.
            `"clean"`: the image itself. `"last"`: the last iterate;
            misclassified images take at least one step. `None`: `"last"` if
            there is a `max_norm`, as in training, where with few steps most
            images would otherwise come back clean; else `"clean"`.
        draws: Passes averaged in each step and test; more than 1 for
            randomised models.

    Raises:
        ValueError: If an option is out of range.

    Reference: [Moosavi-Dezfooli et al., 2016](
    https://arxiv.org/abs/1511.04599), Algorithm 2 and its extension to
    other norms. As in Foolbox, each iterate includes the overshoot and is
    clipped; the paper lengthens the last one only and doesn't clip.
    """
    options = checked_options(
        optional=("max_norm",),
        norm=norm,
        steps=steps,
        classes=checked_count("classes", classes, least=2),
        overshoot=checked_size("overshoot", overshoot),
        max_norm=max_norm,
        fallback=checked_fallback(fallback, max_norm),
        draws=draws,
    )
    return Attack(
        "deepfool",
        functools.partial(_walk, **options),
        norm,
        options["max_norm"],
        options,
        early_stop=True,
        minimal=True,
        supports_jit=True,
    )


def _walk(
    logits,
    images,
    labels,
    *,
    norm,
    steps,
    classes,
    overshoot,
    max_norm,
    fallback,
    draws,
):
    """Algorithm 2; `found` holds what would be returned as of now.

    Images that no longer walk leave the batch, except under XLA, where shapes
    are fixed: there they stay and nothing changes them.
    """
    outputs = expected_logits(logits, images, draws=draws)
    candidates = likeliest_others(outputs, labels, classes - 1)
    leave = not compiles_with_xla()
    active = tf.range(tf.shape(images)[0])
    walking = tf.ones_like(labels, "bool")
    if fallback == "clean":
        walking = ~succeeds(outputs, labels)
    if leave:
        active, walking = active[walking], walking[walking]

    def step(index, found, walked, active, walking):
        originals = tf.gather(images, active)
        labels_now = tf.gather(labels, active)

        def overshot():
            return tf.clip_by_value(
                originals + (1 + overshoot) * walked, 0.0, 1.0
            )

        margins, gradients = margin_gradients(
            logits,
            overshot(),
            labels_now,
            tf.gather(candidates, active),
            draws=draws,
        )
        walked += _nearest(margins, gradients, norm)
        iterates = overshot()
        outputs = expected_logits(logits, iterates, draws=draws)
        fooled = succeeds(outputs, labels_now)
        keep = walking & fooled if fallback == "clean" else walking
        kept = tf.where(
            keep[:, None, None, None], iterates, tf.gather(found, active)
        )
        found = tf.tensor_scatter_nd_update(found, active[:, None], kept)
        walking &= ~fooled
        if leave:
            walked, active = walked[walking], active[walking]
            walking = walking[walking]
        return index + 1, found, walked, active, walking

    _, found, *_ = tf.while_loop(
        lambda index, *state: (index < steps) & tf.reduce_any(state[-1]),
        step,
        (0, images, tf.zeros_like(tf.gather(images, active)), active, walking),
        shape_invariants=(
            tf.TensorShape(()),
            images.shape,
            tf.TensorShape((None, *images.shape[1:])),
            tf.TensorShape((None,)),
            tf.TensorShape((None,)),
        ),
    )
    if max_norm is not None:
        found = geometry.project(found, images, norm=norm, eps=max_norm)
    return found


def _nearest(margins, gradients, norm):
    """Returns the shortest of the steps to the hyperplanes."""
    pixels = (-3, -2, -1)
    if norm == "linf":
        lengths = tf.reduce_sum(tf.abs(gradients), pixels)
    else:
        lengths = tf.sqrt(tf.reduce_sum(tf.square(gradients), pixels))
    distances = tf.abs(margins) / lengths
    nearest = tf.argmin(distances, axis=0, output_type="int32")
    nearest = tf.stack([nearest, tf.range(tf.shape(nearest)[0])], axis=1)
    distance = tf.gather_nd(distances, nearest)[:, None, None, None]
    gradient = tf.gather_nd(gradients, nearest)
    length = tf.gather_nd(lengths, nearest)[:, None, None, None]
    if norm == "linf":
        direction = tf.sign(gradient)
    else:
        direction = tf.math.divide_no_nan(gradient, length)
    # Shorter ones need not cross, and infinite ones have no gradient.
    distance = tf.maximum(distance, _SHORTEST_STEP)
    return tf.where(tf.math.is_finite(distance), distance * direction, 0.0)
