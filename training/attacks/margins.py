"""Linear models of the decision boundaries around images."""

import math
from collections.abc import Callable

import tensorflow as tf

from zoo.training.attacks.expectation import expectation
from zoo.training.attacks.gradients import without_label

_PIXELS = (-3, -2, -1)


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
