"""What gradient attacks ask of a model."""

import math
from collections.abc import Callable

import tensorflow as tf

_PIXELS = (1, 2, 3)


def loss_gradient(
    logits: Callable[[tf.Tensor], tf.Tensor],
    images: tf.Tensor,
    labels: tf.Tensor,
    *,
    targeted: bool = False,
    draws: int = 1,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the direction that makes an attack succeed, and the logits.

    The direction is the gradient of each image's `log_odds`, negated if
    `targeted`. In float32 the gradient of the cross-entropy loses the true
    class once its confidence rounds to 1, and later vanishes. With one draw
    the two are parallel, so that attacks that normalize the direction are the
    published ones. With more they are not: the cross-entropy would weight
    each draw by the confidence its label lacks, this mean weights all alike.
    It is 0 where the model has no gradient.

    Args:
        logits: Maps images to logits.
        draws: Forward passes to average over, one after another so that
            memory doesn't grow: the expectation over the transformations of
            a randomised model (Athalye et al., 2018,
            https://arxiv.org/abs/1802.00420).

    Returns:
        Gradient of the images' shape, and logits as `expected_logits`.
    """

    def one_draw():
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(images)
            outputs = logits(images)
            losses = log_odds(outputs, labels)
        gradient = tape.gradient(
            losses, images, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        return (-gradient if targeted else gradient), outputs

    if draws == 1:
        return one_draw()
    gradient, outputs = one_draw()

    def add_draw(draw, gradients, confidences):
        gradient, outputs = one_draw()
        confidences += tf.nn.softmax(outputs)
        return draw + 1, gradients + gradient, confidences

    _, gradients, confidences = tf.while_loop(
        lambda draw, *_: draw < draws,
        add_draw,
        (1, gradient, tf.nn.softmax(outputs)),
    )
    return gradients / draws, tf.math.log(confidences / draws)


def expected_logits(
    logits: Callable[[tf.Tensor], tf.Tensor],
    images: tf.Tensor,
    *,
    draws: int = 1,
) -> tf.Tensor:
    """Returns the logits, or the log of the mean confidences of the draws."""
    if draws == 1:
        return logits(images)
    _, confidences = tf.while_loop(
        lambda draw, _: draw < draws,
        lambda draw, sums: (draw + 1, sums + tf.nn.softmax(logits(images))),
        (1, tf.nn.softmax(logits(images))),
    )
    return tf.math.log(confidences / draws)


def log_odds(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Returns log((1 - p) / p) per image, p the confidence in its label."""
    is_label = tf.one_hot(labels, tf.shape(logits)[-1], True, False, dtype=bool)
    others = tf.where(is_label, -math.inf, logits)
    label = tf.gather(logits, labels, batch_dims=1)
    return tf.reduce_logsumexp(others, axis=-1) - label


def succeeds(
    logits: tf.Tensor, labels: tf.Tensor, *, targeted: bool = False
) -> tf.Tensor:
    """Returns per image whether the logits are what the attack wants."""
    predictions = tf.argmax(logits, axis=-1, output_type=labels.dtype)
    return (predictions == labels) == targeted


def rescaled(gradients: tf.Tensor) -> tf.Tensor:
    """Scales each image's gradient to a largest entry of 1; 0 stays 0.

    Entries that aren't finite become 0. Without the scaling, CleverHans
    takes short steps along gradients below 1e-6.
    """
    gradients = tf.where(tf.math.is_finite(gradients), gradients, 0.0)
    largest = tf.reduce_max(tf.abs(gradients), _PIXELS, keepdims=True)
    return tf.math.divide_no_nan(gradients, largest)
