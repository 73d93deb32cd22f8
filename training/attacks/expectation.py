"""The mean over the draws of a randomised model."""

import math
from collections.abc import Callable

import tensorflow as tf


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
