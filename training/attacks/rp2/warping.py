"""Views of a plane, by bilinear interpolation with its exact gradient.

TensorFlow's own projective warp takes for its gradient a warp back, which is
not the adjoint where the scale changes.
"""

from collections.abc import Sequence

import tensorflow as tf

_NEIGHBOURS = ((0, 0), (0, 1), (1, 0), (1, 1))


def warp(
    planes: tf.Tensor,
    to_plane: tf.Tensor,
    size: Sequence[int],
    *,
    repeat_border: bool = False,
) -> tf.Tensor:
    """Looks at planes through homographies.

    Points are `(x, y, 1)`, x to the right and y down, in pixels, whole
    numbers at the pixels' centres.

    Args:
        planes: `(views, height, width, channels)`, or one plane for all.
        to_plane: `(views, 3, 3)`; each takes points of the view to points of
            its plane.
        size: Height and width of the views.
        repeat_border: Whether what lies past the plane looks like its
            border; else it is 0. What lies behind the camera is always 0.

    Returns:
        `(views, *size, channels)`.
    """
    height, width, channels = planes.shape[1:]
    flat = tf.reshape(planes, (-1, height * width, channels))
    shared = planes.shape[0] == 1
    rows, columns = tf.meshgrid(
        tf.range(size[0], dtype="float32"),
        tf.range(size[1], dtype="float32"),
        indexing="ij",
    )
    pixels = tf.stack([columns, rows, tf.ones_like(rows)], axis=-1)
    pixels = tf.reshape(pixels, (-1, 3))
    points = tf.einsum("vij,pj->vpi", to_plane, pixels)
    before_camera = points[..., 2] > 0
    depths = tf.where(before_camera, points[..., 2], 1.0)
    x, y = points[..., 0] / depths, points[..., 1] / depths
    if repeat_border:
        x = tf.clip_by_value(x, 0.0, width - 1.0)
        y = tf.clip_by_value(y, 0.0, height - 1.0)
    views = 0.0
    for down, right in _NEIGHBOURS:
        row, column = tf.floor(y) + down, tf.floor(x) + right
        weights = (1 - tf.abs(y - row)) * (1 - tf.abs(x - column))
        seen = before_camera & (row >= 0) & (row < height)
        seen &= (column >= 0) & (column < width)
        weights = tf.where(seen, weights, 0.0)
        index = tf.where(seen, row * width + column, 0.0)
        index = tf.cast(index, "int32")
        if shared:
            values = tf.gather(flat[0], index)
        else:
            values = tf.gather(flat, index, batch_dims=1)
        views += weights[..., None] * values
    return tf.reshape(views, (-1, *size, channels))


def homography(source: tf.Tensor, destination: tf.Tensor) -> tf.Tensor:
    """Returns the homographies that take four points to four others.

    Args:
        source: Points, `(batch, 4, 2)`, no three on a line.
        destination: Where they go, `(batch, 4, 2)`.

    Returns:
        `(batch, 3, 3)`, with 1 in the lower right corner.
    """
    x, y = tf.unstack(source, axis=-1)
    u, v = tf.unstack(destination, axis=-1)
    zero, one = tf.zeros_like(x), tf.ones_like(x)
    for_u = tf.stack([x, y, one, zero, zero, zero, -u * x, -u * y], axis=-1)
    for_v = tf.stack([zero, zero, zero, x, y, one, -v * x, -v * y], axis=-1)
    entries = tf.linalg.solve(
        tf.concat([for_u, for_v], axis=1),
        tf.concat([u, v], axis=1)[..., None],
    )[..., 0]
    entries = tf.concat([entries, one[:, :1]], axis=1)
    return tf.reshape(entries, (-1, 3, 3))
