"""The iterative fast gradient sign method, until the model is fooled."""

import functools
from collections.abc import Callable

import tensorflow as tf

from zoo.training.attacks.base import Attack
from zoo.training.attacks.parts.checks import checked_count
from zoo.training.attacks.parts.checks import checked_options
from zoo.training.attacks.parts.gradients import objective_gradient
from zoo.training.attacks.parts.gradients import steepest
from zoo.training.attacks.parts.losses import log_odds
from zoo.training.attacks.parts.losses import succeeds

GREY_LEVEL = 1 / 255
"""Of 8-bit images whose pixels are in [0, 1]."""


def iterative_fgsm(
    *,
    steps: int = 1500,
    step_size: float | None = None,
    loss: str = "ce",
    targeted: bool = False,
    at_once: int = 128,
    draws: int = 1,
) -> Attack:
    """Binds iterative FGSM, which has no ball and takes steps until it fools.

    Each step moves every pixel by the sign of the loss's gradient, and clips
    to [0, 1]. An image leaves the batch as soon as the model is fooled, and
    the next one takes its place. One that isn't fooled by the last step is
    returned as it then is.

    `bim` is the same inside a ball, for a fixed number of steps.

    Args:
        steps: Steps at most.
        step_size: Change of each pixel in a step, in pixel values (0 to 1);
            one grey level of 8 bits, 1/255, if `None`.
        loss: `"ce"`, the cross-entropy; or `"euclidean"`, the squared
            distance of the logits' sigmoids from the one-hot label, for
            models whose logits are the log-odds of scores, such as
            `minds_eye_triple`.
        targeted: Whether the labels are the wanted classes, as in the paper.
        at_once: Images in a step at most.
        draws: Forward passes averaged in each step; more than 1 for
            randomised models.

    Raises:
        ValueError: If an option is out of range.

    References:
        [Kurakin et al., 2017](https://arxiv.org/abs/1607.02533), without the
        ball; Mind's Eye ("The Artificial Mind's Eye"), section 3.2, whose
        code minimises the Euclidean loss for the triple-staged network.
    """
    if loss not in _LOSSES:
        raise ValueError(
            f"`loss` must be one of {', '.join(map(repr, _LOSSES))}. "
            f"Received: loss={loss!r}"
        )
    options = checked_options(
        optional=("step_size",),
        steps=steps,
        step_size=step_size,
        loss=loss,
        targeted=targeted,
        at_once=checked_count("at_once", at_once),
        draws=draws,
    )
    return Attack(
        "iterative_fgsm",
        functools.partial(_images, **options),
        "linf",
        None,
        options,
        early_stop=True,
        minimal=True,
    )


def step_until_fooled(
    logits: Callable[[tf.Tensor], tf.Tensor],
    images: tf.Tensor,
    labels: tf.Tensor,
    *,
    steps: int = 1500,
    step_size: float | None = None,
    loss: str = "ce",
    targeted: bool = False,
    at_once: int = 128,
    draws: int = 1,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Runs the attack in the graph and counts the steps.

    Args:
        logits: Maps images to logits.
        images: Float32 pixels in [0, 1], `(batch, height, width, channels)`.
        labels: Integers, `(batch,)`.

    Returns:
        The images; the steps that each took, int32 `(batch,)`; and whether
        it then fooled the model, boolean `(batch,)`.
    """
    count = tf.shape(images)[0]
    step_size = step_size or GREY_LEVEL
    objective = _LOSSES[loss]

    def step(joined, current, active, found, taken, fooled):
        labels_now = tf.gather(labels, active)
        _, gradient, outputs = objective_gradient(
            logits,
            current,
            lambda outputs: objective(outputs, labels_now),
            draws=draws,
        )
        succeeded = succeeds(outputs, labels_now, targeted=targeted)
        taken_now = tf.gather(taken, active)
        keep = ~succeeded & (taken_now < steps)
        rows = active[:, None]
        found = tf.tensor_scatter_nd_update(found, rows[~keep], current[~keep])
        fooled = tf.tensor_scatter_nd_update(fooled, rows, succeeded)
        taken = tf.tensor_scatter_nd_update(
            taken, rows, taken_now + tf.cast(keep, "int32")
        )
        direction = steepest(gradient[keep], "linf")
        direction = -direction if targeted else direction
        stepped = current[keep] + step_size * direction
        stepped = tf.clip_by_value(stepped, 0.0, 1.0)
        free = at_once - tf.shape(stepped)[0]
        end = tf.minimum(joined + free, count)
        current = tf.concat([stepped, images[joined:end]], 0)
        active = tf.concat([active[keep], tf.range(joined, end)], 0)
        return end, current, active, found, taken, fooled

    first = tf.minimum(at_once, count)
    *_, found, taken, fooled = tf.while_loop(
        lambda joined, current, active, *_: tf.size(active) > 0,
        step,
        (
            first,
            images[:first],
            tf.range(first),
            images,
            tf.zeros_like(labels),
            tf.zeros_like(labels, "bool"),
        ),
        shape_invariants=(
            tf.TensorShape(()),
            tf.TensorShape((None, *images.shape[1:])),
            tf.TensorShape((None,)),
            images.shape,
            labels.shape,
            labels.shape,
        ),
        parallel_iterations=1,
    )
    return found, taken, fooled


def _euclidean(logits, labels):
    """Returns each image's squared distance from the one-hot label."""
    scores = tf.sigmoid(logits)
    wanted = tf.one_hot(labels, tf.shape(logits)[-1])
    return tf.reduce_sum(tf.square(scores - wanted), axis=-1)


_LOSSES = {"ce": log_odds, "euclidean": _euclidean}


def _images(logits, images, labels, **options):
    images, _, _ = step_until_fooled(logits, images, labels, **options)
    return images
