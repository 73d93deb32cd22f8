"""What gradient attacks ask of a model.

A randomised model gives other logits at every pass. Attacks average over
`draws` passes, the samples of an expectation over transformation (EOT,
[Athalye et al., 2018](https://arxiv.org/abs/1802.00420)).
"""

import math
from collections.abc import Callable

import tensorflow as tf

from zoo.training.attacks.parts import geometry
from zoo.training.attacks.parts.losses import log_odds

_PIXELS = (-3, -2, -1)


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
    class once its probability rounds to 1, and later vanishes. With one draw
    the two are parallel, so attacks that normalize the direction are the
    published ones. With more draws they are not: the cross-entropy would
    weight each draw by how far its label's probability is from 1, this mean
    weights all alike. It is 0 where the model has no gradient.

    Args:
        logits: Maps images to logits.
        draws: Forward passes to average over, as `expectation` does.

    Returns:
        The gradient, of the images' shape, and logits as of `expected_logits`.
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
        where the model has none; and logits as of `expected_logits`.
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
        So are both where the model rules the class or the label out.
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
    possible = tf.math.is_finite(margins)[..., None, None, None]
    usable = possible & tf.math.is_finite(gradients)
    gradients = tf.where(usable, gradients, 0.0)
    largest = tf.reduce_max(tf.abs(gradients), _PIXELS)
    gradients = tf.math.divide_no_nan(gradients, largest[..., None, None, None])
    margins = tf.where(largest > 0, margins / largest, -math.inf)
    return margins, gradients


def expected_logits(
    logits: Callable[[tf.Tensor], tf.Tensor],
    images: tf.Tensor,
    *,
    draws: int = 1,
) -> tf.Tensor:
    """Returns the logits, or the log of the draws' mean probabilities."""
    (outputs,) = expectation(lambda: (logits(images),), draws)
    return outputs


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
        probabilities instead of the logits, and the means of the other
        tensors. The probabilities are summed as logs: in float32 a confident
        model's are 0 except for one class, and its rivals would look alike.
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
