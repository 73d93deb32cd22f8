"""Norm balls of images: norms, projection and sampling.

Every function works per image on NHWC tensors. `norm` is `"linf"` or
`"l2"`, `eps` the radius of the ball.
"""

import tensorflow as tf

_PIXELS = (1, 2, 3)


def norms(perturbations: tf.Tensor, norm: str) -> tf.Tensor:
    """Returns the norm of each perturbation, shape `(batch, 1, 1, 1)`."""
    if norm == "linf":
        return tf.reduce_max(tf.abs(perturbations), _PIXELS, keepdims=True)
    return tf.sqrt(
        tf.reduce_sum(tf.square(perturbations), _PIXELS, keepdims=True)
    )


def project(
    images: tf.Tensor, centers: tf.Tensor, *, norm: str, eps: float
) -> tf.Tensor:
    """Moves images into the ball around their centers and into [0, 1].

    In L-inf this is the nearest such image. In L2 it is scaled onto the
    ball, then clipped, which leaves it in both; it may lie inside the ball.

    Args:
        images: Any images.
        centers: Images in [0, 1].
    """
    perturbations = images - centers
    if norm == "linf":
        perturbations = tf.clip_by_value(perturbations, -eps, eps)
    else:
        lengths = norms(perturbations, norm)
        perturbations *= tf.math.divide_no_nan(
            tf.minimum(lengths, eps), lengths
        )
    return tf.clip_by_value(centers + perturbations, 0.0, 1.0)


def sample(
    shape: tf.Tensor, *, norm: str, eps: float, seed: tf.Tensor
) -> tf.Tensor:
    """Draws perturbations uniformly from the ball.

    Args:
        shape: `(batch, height, width, channels)`.
        seed: Two integers, such as `keras.random.SeedGenerator.next()`.
            The same seed draws the same perturbations.
    """
    seed = tf.cast(seed, "int32")
    if norm == "linf":
        return tf.random.stateless_uniform(shape, seed, -eps, eps)
    directions = tf.random.stateless_normal(shape, seed)
    dimensions = tf.cast(tf.reduce_prod(shape[1:]), "float32")
    radii = tf.random.stateless_uniform((shape[0], 1, 1, 1), seed + 1)
    radii = eps * radii ** (1 / dimensions)
    return radii * tf.math.divide_no_nan(directions, norms(directions, norm))
