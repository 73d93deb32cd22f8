"""Terms of an adversarial loss, over images and over an ensemble's scales."""

import tensorflow as tf
from keras import ops


def mean_square(
    clean: tf.Tensor, adversarial: tf.Tensor, weights: tf.Tensor | None
) -> tf.Tensor:
    """Returns the replica's share of the mean squared difference of logits.

    In float32, whatever the type of the logits.
    """
    squares = ops.square(
        ops.cast(clean, "float32") - ops.cast(adversarial, "float32")
    )
    each = ops.mean(squares, axis=range(1, len(squares.shape)))
    return _replica_mean(each, weights)


def mean_cross_entropy(
    probabilities: tf.Tensor, logits: tf.Tensor, weights: tf.Tensor | None
) -> tf.Tensor:
    """Returns the replica's share of the mean cross-entropy, over scales too.

    Args:
        probabilities: `(batch, classes)`.
        logits: `(batch, classes)` or `(batch, scales, classes)`.
        weights: Sample weights, or `None`.
    """
    logs = ops.log_softmax(ops.cast(logits, "float32"), axis=-1)
    if len(logs.shape) == 3:
        logs = ops.mean(logs, axis=1)
    # A class that the model masks has a logit of minus infinity.
    terms = ops.where(probabilities > 0.0, probabilities * logs, 0.0)
    return _replica_mean(-ops.sum(terms, axis=-1), weights)


def one_row_a_scale(
    logits: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor | None
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor | None]:
    """Reshapes `(batch, scales, classes)` logits to one row a scale.

    Labels and weights are repeated to match. Other logits pass unchanged.
    """
    if len(logits.shape) == 2:
        return logits, labels, weights
    scales, classes = logits.shape[1:]
    if weights is not None:
        weights = ops.repeat(weights, scales, axis=0)
    return (
        ops.reshape(logits, (-1, classes)),
        ops.repeat(labels, scales, axis=0),
        weights,
    )


def merge_scales(logits: tf.Tensor) -> tf.Tensor:
    """Averages log-probabilities over scales, for the training accuracy."""
    if len(logits.shape) == 2:
        return logits
    return ops.mean(ops.log_softmax(logits, axis=-1), axis=1)


def _replica_mean(each, weights):
    """Returns a mean over images as Keras' losses have it; may be of none."""
    if weights is not None:
        each *= ops.reshape(ops.cast(weights, "float32"), (-1,))
    images = ops.maximum(ops.shape(each)[0], 1)
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    return ops.sum(each) / ops.cast(images * replicas, "float32")
