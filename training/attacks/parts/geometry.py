"""Norm balls and hyperplanes: norms, projection, sampling, shortest moves.

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
    ball, then clipped, which keeps it in both. It may end inside the ball.

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


def displacements(
    images: tf.Tensor, normals: tf.Tensor, gaps: tf.Tensor, *, norm: str
) -> tf.Tensor:
    """Returns the shortest moves inside [0, 1] from images to hyperplanes.

    A move `d` ends on the hyperplane if the sum of `normals * d` is the gap.
    If the box doesn't reach the hyperplane, every pixel whose normal isn't 0
    moves to its bound, where the box is nearest.

    The solution is exact. Each pixel moves along its normal's sign, at the
    same speed in L-inf and at the normal's in L2, until it meets its bound.
    The rest of the gap is a piecewise linear, decreasing function of time;
    sorting the times of meeting gives its pieces.

    Args:
        images: Points in the box.
        normals: Of the images' shape. The largest entry should be near 1,
            so that squares neither underflow nor overflow.
        gaps: Shape `(batch,)`, of either sign; may be infinite.

    Returns:
        Moves of the images' shape; 0 where a normal is 0.

    Reference: [Croce & Hein, 2020](https://arxiv.org/abs/1907.02044), the
    projection on a hyperplane with box constraints.
    """
    shape = tf.shape(images)
    pixels = tf.reshape(images, (shape[0], -1))
    normals = tf.reshape(normals, (shape[0], -1))
    directions = tf.sign(gaps)[:, None] * tf.sign(normals)
    rooms = tf.where(directions > 0, 1 - pixels, pixels)
    weights = tf.abs(normals)
    speeds = weights if norm == "l2" else tf.abs(directions)
    times = _times(rooms, weights, speeds, tf.abs(gaps))
    moves = directions * tf.minimum(times[:, None] * speeds, rooms)
    return tf.reshape(moves, shape)


def _times(rooms, weights, speeds, gaps):
    """Returns when the moves have closed the gaps; very late if never."""
    never = rooms.dtype.max
    # Divided by 1 where a pixel stands still, for a finite number there.
    stops = tf.where(
        speeds > 0, rooms / tf.where(speeds > 0, speeds, 1.0), never
    )
    order = tf.argsort(stops, axis=1)
    stops, rooms, weights, speeds = (
        tf.gather(values, order, batch_dims=1)
        for values in (stops, rooms, weights, speeds)
    )
    # Before each stop: what the stopped pixels closed, and the others' rate.
    closed = tf.cumsum(weights * rooms, axis=1, exclusive=True)
    rates = tf.cumsum(weights * speeds, axis=1, reverse=True)
    short = closed + stops * rates < gaps[:, None]
    piece = tf.reduce_sum(tf.cast(short, "int32"), axis=1)
    reachable = piece < tf.shape(stops)[1]
    piece = tf.minimum(piece, tf.shape(stops)[1] - 1)
    closed = tf.gather(closed, piece, batch_dims=1)
    rates = tf.gather(rates, piece, batch_dims=1)
    times = tf.math.divide_no_nan(gaps - closed, rates)
    return tf.where(reachable, tf.maximum(times, 0.0), never)
