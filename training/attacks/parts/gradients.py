"""What gradient attacks ask of a model."""

import math
from collections.abc import Callable

import tensorflow as tf

from zoo.training.attacks.parts import geometry

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
        draws: Forward passes to average over, as `expectation` does.

    Returns:
        Gradient of the images' shape, and logits as `expected_logits`.
    """

    _, gradient, outputs = objective_gradient(
        logits, images, lambda outputs: log_odds(outputs, labels), draws=draws
    )
    return (-gradient if targeted else gradient), outputs


def objective_gradient(
    logits: Callable[[tf.Tensor], tf.Tensor],
    images: tf.Tensor,
    objective: Callable[[tf.Tensor], tf.Tensor],
    *,
    draws: int = 1,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Returns an objective, its gradient and the logits.

    Args:
        logits: Maps images to logits.
        objective: Maps logits to one number per image.
        draws: Forward passes to average over.

    Returns:
        Values of shape `(batch,)`; their gradient, of the images' shape, 0
        where the model has none; and logits as `expected_logits`.
    """

    def one_draw():
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(images)
            outputs = logits(images)
            values = objective(outputs)
        gradient = tape.gradient(
            values, images, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        return outputs, values, gradient

    outputs, values, gradient = expectation(one_draw, draws)
    return values, gradient, outputs


def expected_logits(
    logits: Callable[[tf.Tensor], tf.Tensor],
    images: tf.Tensor,
    *,
    draws: int = 1,
) -> tf.Tensor:
    """Returns the logits, or the log of the mean confidences of the draws."""
    (outputs,) = expectation(lambda: (logits(images),), draws)
    return outputs


def log_odds(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Returns log((1 - p) / p) per image, p the confidence in its label."""
    others = without_label(logits, labels)
    label = tf.gather(logits, labels, batch_dims=1)
    return tf.reduce_logsumexp(others, axis=-1) - label


def without_label(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Returns the logits, minus infinity for each image's label."""
    is_label = tf.one_hot(labels, tf.shape(logits)[-1], True, False, dtype=bool)
    return tf.where(is_label, -math.inf, logits)


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


def steepest(gradients: tf.Tensor, norm: str) -> tf.Tensor:
    """Returns each image's direction of length 1 along its gradient.

    Of all directions of that length in the norm, the one that climbs most:
    the signs in L-inf, the gradient divided by its length in L2. 0 stays 0.
    """
    gradients = rescaled(gradients)
    if norm == "linf":
        return tf.sign(gradients)
    lengths = geometry.norms(gradients, norm)
    return tf.math.divide_no_nan(gradients, lengths)


def expectation(
    one_draw: Callable[[], tuple[tf.Tensor, ...]], draws: int
) -> tuple[tf.Tensor, ...]:
    """Averages forward passes, and perhaps gradients, one after another.

    Memory doesn't grow with the draws, nor does the graph.

    Args:
        one_draw: Returns logits, and perhaps tensors that belong to them.
        draws: Calls to average over.

    Returns:
        What one draw returns. With more draws, the log of the mean
        confidences instead of the logits, and the means of the other tensors.
        The confidences are summed as logs: in float32 a confident model's
        are 0 but for one class, whose rivals then look all alike.

    Reference: [Athalye et al., 2018](https://arxiv.org/abs/1802.00420),
    expectation over transformation.
    """
    outputs, *others = one_draw()
    if draws == 1:
        return outputs, *others

    def add_draw(draw, log_sums, *sums):
        outputs, *others = one_draw()
        log_sums = tf.reduce_logsumexp(
            tf.stack([log_sums, tf.nn.log_softmax(outputs)]), axis=0
        )
        pairs = zip(sums, others, strict=True)
        return draw + 1, log_sums, *(total + other for total, other in pairs)

    _, log_sums, *sums = tf.while_loop(
        lambda draw, *_: draw < draws,
        add_draw,
        (1, tf.nn.log_softmax(outputs), *others),
        parallel_iterations=1,
    )
    return log_sums - math.log(draws), *(total / draws for total in sums)
