"""Several attempts of a random attack."""

import math
from collections.abc import Callable

import tensorflow as tf

from training.attacks.gradients import expected_logits
from training.attacks.gradients import log_odds
from training.attacks.gradients import succeeds


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

    That is one that fools it with the highest loss, else the highest loss.
    A single attempt is returned as it is, without a look at the model.

    Args:
        attempt: Maps images and labels to perturbed images.
        logits: Maps images to logits.
        count: Number of attempts.
        early_stop: Whether an image leaves the batch as soon as it fools the
            model.
    """

    def once_more(index, worst, worst_losses, worst_fooled, active):
        labels_now = tf.gather(labels, active)
        iterates = attempt(tf.gather(images, active), labels_now)
        outputs = expected_logits(logits, iterates, draws=draws)
        losses = log_odds(outputs, labels_now)
        losses = -losses if targeted else losses
        fooled = succeeds(outputs, labels_now, targeted=targeted)
        worse = _is_worse(
            fooled,
            losses,
            tf.gather(worst_fooled, active),
            tf.gather(worst_losses, active),
        )
        rows = active[worse][:, None]
        update = tf.tensor_scatter_nd_update
        worst = update(worst, rows, iterates[worse])
        worst_losses = update(worst_losses, rows, losses[worse])
        worst_fooled = update(worst_fooled, rows, fooled[worse])
        if early_stop:
            active = active[~fooled]
        return index + 1, worst, worst_losses, worst_fooled, active

    if count == 1:
        return attempt(images, labels)
    state = (
        0,
        images,
        tf.fill(tf.shape(labels), -math.inf),
        tf.fill(tf.shape(labels), False),
        tf.range(tf.shape(images)[0]),
    )
    _, worst, *_ = tf.while_loop(
        lambda index, *state: (index < count) & (tf.size(state[-1]) > 0),
        once_more,
        state,
        shape_invariants=(
            tf.TensorShape(()),
            images.shape,
            labels.shape,
            labels.shape,
            tf.TensorShape((None,)),
        ),
    )
    return worst


def _is_worse(fooled, losses, fooled_before, losses_before):
    """Any success is worse for the model than any failure; then the loss."""
    higher = (fooled == fooled_before) & (losses > losses_before)
    return (fooled & ~fooled_before) | higher
