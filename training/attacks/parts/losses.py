"""Losses whose size doesn't depend on the logits' scale.

A model that multiplies its logits by a constant decides as before, but
changes the cross-entropy and can make its gradient vanish. The difference of
logits ratio (DLR) stays the same, and stays the same too if a constant is
added to the logits. Its numerator alone is for models of too few classes.

Reference: [Croce & Hein, 2020](https://arxiv.org/abs/2003.01690), section 4.
"""

import math
from collections.abc import Callable

import tensorflow as tf

from zoo.training.attacks.parts.gradients import expectation
from zoo.training.attacks.parts.gradients import without_label

_PIXELS = (-3, -2, -1)


def dlr(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Returns the difference of logits ratio per image, equation 6.

    It is -1 or more, and above 0 where another class has the largest logit.

    Args:
        logits: `(batch, classes)`, 3 classes or more.

    Raises:
        ValueError: If there are fewer classes.
    """
    first, _, third = _largest(logits, 3)
    other = tf.reduce_max(without_label(logits, labels), axis=-1)
    label = tf.gather(logits, labels, batch_dims=1)
    return tf.math.divide_no_nan(other - label, first - third)


def targeted_dlr(
    logits: tf.Tensor, labels: tf.Tensor, targets: tf.Tensor
) -> tf.Tensor:
    """Returns the targeted difference of logits ratio, equation 7.

    It is above 0 where the target's logit is above the label's.

    Args:
        logits: `(batch, classes)`, 4 classes or more.
        labels: True classes.
        targets: Classes to be taken for, other than the true ones.

    Raises:
        ValueError: If there are fewer classes.
    """
    first, _, third, fourth = _largest(logits, 4)
    return tf.math.divide_no_nan(
        targeted_difference(logits, labels, targets),
        first - (third + fourth) / 2,
    )


def targeted_difference(
    logits: tf.Tensor, labels: tf.Tensor, targets: tf.Tensor
) -> tf.Tensor:
    """Returns the target's logit less the label's, equation 7's numerator.

    It changes with the logits' scale, but the direction of its gradient
    doesn't.

    Args:
        logits: `(batch, classes)`, 2 classes or more.
        labels: True classes.
        targets: Classes to be taken for, other than the true ones.
    """
    label = tf.gather(logits, labels, batch_dims=1)
    return tf.gather(logits, targets, batch_dims=1) - label


def _largest(logits, count):
    """Returns the largest logits, sorted; each of shape `(batch,)`."""
    logits = tf.convert_to_tensor(logits)
    classes = logits.shape[-1]
    if classes is not None and classes < count:
        raise ValueError(
            f"This loss needs {count} classes or more. "
            f"Received: a model of {classes} classes"
        )
    return tf.unstack(tf.math.top_k(logits, count).values, count, axis=-1)


def likeliest_others(
    logits: tf.Tensor, labels: tf.Tensor, count: int
) -> tf.Tensor:
    """Returns the classes of the largest logits but the labels', in order.

    Args:
        logits: Shape `(batch, classes)`, the latter known when tracing.
        count: Classes to return; all others if there are fewer.

    Returns:
        Integers of shape `(batch, count)`.
    """
    num_classes = logits.shape[-1]
    others = without_label(logits, labels)
    return tf.math.top_k(others, min(count, num_classes - 1)).indices


def margin_gradients(
    logits: Callable[[tf.Tensor], tf.Tensor],
    images: tf.Tensor,
    labels: tf.Tensor,
    classes: tf.Tensor,
    *,
    draws: int = 1,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the margins of some classes over the labels', linearized.

    A margin is the class's logit less the label's: 0 on the boundary
    between them. It is divided, as its gradient is, by the largest entry of
    the gradient, which leaves the boundary where it is and keeps float32
    sums of squares from underflowing.

    Args:
        logits: Maps images to logits.
        classes: Shape `(batch, count)`, the latter known when tracing. They
            share one forward pass, but each takes its own backward pass.
        draws: Passes to average over.

    Returns:
        Margins of shape `(count, batch)` and gradients of shape
        `(count, batch, height, width, channels)`. Where a gradient is 0,
        its margin is minus infinity: no step along it reaches the boundary.
    """
    count = classes.shape[1]

    def one_draw():
        with tf.GradientTape(
            persistent=True, watch_accessed_variables=False
        ) as tape:
            tape.watch(images)
            outputs = logits(images)
            margins = tf.gather(outputs, classes, batch_dims=1)
            margins -= tf.gather(outputs, labels, batch_dims=1)[:, None]

        def gradient(one_hot):
            return tape.gradient(
                margins,
                images,
                output_gradients=tf.zeros_like(margins) + one_hot,
                unconnected_gradients=tf.UnconnectedGradients.ZERO,
            )

        if count == 1:
            gradients = gradient(tf.ones(1))[None]
        else:
            gradients = tf.map_fn(
                gradient, tf.eye(count), parallel_iterations=1
            )
        return outputs, tf.transpose(margins), gradients

    _, margins, gradients = expectation(one_draw, draws)
    gradients = tf.where(tf.math.is_finite(gradients), gradients, 0.0)
    largest = tf.reduce_max(tf.abs(gradients), _PIXELS)
    gradients = tf.math.divide_no_nan(gradients, largest[..., None, None, None])
    margins = tf.where(largest > 0, margins / largest, -math.inf)
    return margins, gradients
