"""What attacks read from logits: losses, likely classes, success.

A model that multiplies its logits by a constant decides as before, but its
cross-entropy changes and the gradient of that may vanish. The difference of
logits ratio (DLR) stays the same. It stays the same too if a constant is added
to the logits.

A logit of minus infinity is a class that the model rules out. No loss becomes
NaN by it, and no attack aims at such a class.

Reference: [Croce & Hein, 2020](https://arxiv.org/abs/2003.01690), section 4.
"""

import math

import tensorflow as tf


def log_odds(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Returns log((1 - p) / p) per image, p its label's probability."""
    others = without_label(logits, labels)
    label = tf.gather(logits, labels, batch_dims=1)
    return tf.reduce_logsumexp(others, axis=-1) - label


def margin(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Returns the label's logit less the largest other one, per image."""
    others = tf.reduce_max(without_label(logits, labels), axis=-1)
    return tf.gather(logits, labels, batch_dims=1) - others


def dlr(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Returns the difference of logits ratio per image, equation 6.

    It is -1 or more, and above 0 where another class has the largest logit.
    If an image has fewer than 3 finite logits, it is the ratio's numerator.

    Args:
        logits: `(batch, classes)`, 3 classes or more.

    Raises:
        ValueError: If there are fewer classes.
    """
    first, _, third = _largest(logits, 3)
    other = tf.reduce_max(without_label(logits, labels), axis=-1)
    label = tf.gather(logits, labels, batch_dims=1)
    return _ratio(other - label, first - third)


def targeted_dlr(
    logits: tf.Tensor, labels: tf.Tensor, targets: tf.Tensor
) -> tf.Tensor:
    """Returns the targeted difference of logits ratio, equation 7.

    It is above 0 where the target's logit is above the label's. If an image
    has fewer than 4 finite logits, it is the ratio's numerator.

    Args:
        logits: `(batch, classes)`, 4 classes or more.
        labels: True classes.
        targets: Classes to be taken for, other than the true ones.

    Raises:
        ValueError: If there are fewer classes.
    """
    first, _, third, fourth = _largest(logits, 4)
    return _ratio(
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


def likeliest_others(
    logits: tf.Tensor, labels: tf.Tensor, count: int
) -> tf.Tensor:
    """Returns the classes of the largest logits but the labels', in order.

    Classes that the model rules out are left out: the likeliest takes their
    place, or the label if the model rules out all others.

    Args:
        logits: Shape `(batch, classes)`, the latter known when tracing.
        count: Classes to return; all others if there are fewer.

    Returns:
        Integers of shape `(batch, count)`.
    """
    num_classes = logits.shape[-1]
    others = without_label(logits, labels)
    largest, classes = tf.math.top_k(others, min(count, num_classes - 1))
    possible = tf.math.is_finite(largest)
    label = tf.cast(labels[:, None], classes.dtype)
    likeliest = tf.where(possible[:, :1], classes[:, :1], label)
    return tf.where(possible, classes, likeliest)


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


def _ratio(difference, denominator):
    """Divides where the denominator is finite, and gives 0 for 0 / 0."""
    finite = tf.math.is_finite(denominator)
    denominator = tf.where(finite, denominator, 1.0)
    return tf.math.divide_no_nan(difference, denominator)


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
