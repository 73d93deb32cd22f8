"""Several attempts of a random attack, of which each image keeps one."""

import math
from collections.abc import Callable

import tensorflow as tf

from zoo.training.attacks.parts import geometry
from zoo.training.attacks.parts.gradients import expected_logits
from zoo.training.attacks.parts.losses import log_odds
from zoo.training.attacks.parts.losses import succeeds

Judged = tuple[tf.Tensor, tf.Tensor, tf.Tensor]
"""Perturbed images, their losses, and whether the model is fooled."""


def random_starts(
    images: tf.Tensor, *, norm: str, eps: float, seed: tf.Tensor
) -> tf.Tensor:
    """Returns images drawn from the balls around others, clipped to [0, 1].

    Args:
        seed: Two integers, such as `keras.random.SeedGenerator.next()`.
    """
    starts = images + geometry.sample(
        tf.shape(images), norm=norm, eps=eps, seed=seed
    )
    return tf.clip_by_value(starts, 0.0, 1.0)


def worst_of(
    attempt: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
    logits: Callable[[tf.Tensor], tf.Tensor],
    images: tf.Tensor,
    labels: tf.Tensor,
    *,
    count: int,
    early_stop: bool = False,
    targeted: bool = False,
    draws: int = 1,
) -> tf.Tensor:
    """Makes attempts and keeps, for each image, the worst for the model.

    An attempt that fools it is worse than any that doesn't; of two alike, the
    one with the higher loss is.

    Args:
        attempt: Maps images and labels to perturbed images.
        logits: Maps images to logits.
        count: Number of attempts.
        early_stop: Whether an image leaves the batch as soon as it fools the
            model.
    """

    def judged(_, rows):
        labels_now = tf.gather(labels, rows)
        iterates = attempt(tf.gather(images, rows), labels_now)
        outputs = expected_logits(logits, iterates, draws=draws)
        losses = log_odds(outputs, labels_now)
        fooled = succeeds(outputs, labels_now, targeted=targeted)
        return iterates, (-losses if targeted else losses), fooled

    if count == 1:
        return attempt(images, labels)
    rows = tf.range(tf.shape(images)[0])
    return worst_of_judged(
        judged, images, rows, count=count, early_stop=early_stop
    )


def worst_of_judged(
    attempt: Callable[[tf.Tensor, tf.Tensor], Judged],
    images: tf.Tensor,
    rows: tf.Tensor,
    *,
    count: int | tf.Tensor,
    early_stop: bool,
) -> tf.Tensor:
    """Does what `worst_of` does, with attempts that return their losses.

    Args:
        attempt: Maps the attempt's index and rows of the batch to their
            results.
        images: The batch, returned as it is outside `rows`.
        rows: Images to attack, `(size,)`.
    """

    def once_more(index, worst, worst_losses, worst_fooled, active):
        iterates, losses, fooled = attempt(index, active)
        worse = _is_worse(
            fooled,
            losses,
            tf.gather(worst_fooled, active),
            tf.gather(worst_losses, active),
        )
        places = active[worse][:, None]
        update = tf.tensor_scatter_nd_update
        worst = update(worst, places, iterates[worse])
        worst_losses = update(worst_losses, places, losses[worse])
        worst_fooled = update(worst_fooled, places, fooled[worse])
        if early_stop:
            active = active[~fooled]
        return index + 1, worst, worst_losses, worst_fooled, active

    size = tf.shape(images)[:1]
    state = (0, images, tf.fill(size, -math.inf), tf.fill(size, False), rows)
    _, worst, *_ = tf.while_loop(
        lambda index, *state: (index < count) & (tf.size(state[-1]) > 0),
        once_more,
        state,
        shape_invariants=(
            tf.TensorShape(()),
            images.shape,
            images.shape[:1],
            images.shape[:1],
            tf.TensorShape((None,)),
        ),
    )
    return worst


def _is_worse(fooled, losses, fooled_before, losses_before):
    """Any success is worse for the model than any failure; then the loss."""
    higher = (fooled == fooled_before) & (losses > losses_before)
    return (fooled & ~fooled_before) | higher
