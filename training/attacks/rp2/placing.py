"""A perturbation as the camera sees it."""

import tensorflow as tf

from zoo.training.attacks.rp2.transformations import Transformations
from zoo.training.attacks.rp2.warping import warp


def place(
    perturbations: tf.Tensor,
    views: tf.Tensor,
    to_plane: tf.Tensor | None = None,
    transformations: Transformations | None = None,
    seed: tf.Tensor | None = None,
) -> tf.Tensor:
    """Returns `x_i + T_i(M delta)` for every perturbation and view.

    The sum is clipped to [0, 1] before the light changes.

    Args:
        perturbations: `(targets, height, width, channels)` in the sign's
            plane, 0 outside the mask.
        views: `(views, height, width, channels)` in [0, 1].
        to_plane: `(views, 3, 3)` from points of the views to points of the
            plane, as in `warp`; `None` if the two are the same.
        transformations: Of the views; `None` for none.
        seed: Two integers that fix them.

    Returns:
        `(targets, views, height, width, channels)`, in [0, 1].
    """
    transformations = transformations or Transformations()
    count, *size, _ = views.shape
    if seed is not None:
        move_seed, light_seed = tf.unstack(tf.random.split(seed))
    if transformations.moves:
        moves = transformations.homographies(count, tuple(size), move_seed)
        views = warp(views, moves, size, repeat_border=True)
        to_plane = moves if to_plane is None else to_plane @ moves
    if to_plane is None:
        added = perturbations[:, None]
    else:
        added = _seen(perturbations, to_plane, size)
    images = tf.clip_by_value(views + added, 0.0, 1.0)
    if seed is None:
        return images
    return transformations.relit(images, light_seed)


def _seen(perturbations, to_plane, size):
    """Warps all targets' perturbations at once, as channels of one plane."""
    targets, height, width, channels = perturbations.shape
    plane = tf.transpose(perturbations, (1, 2, 0, 3))
    plane = tf.reshape(plane, (1, height, width, targets * channels))
    seen = warp(plane, to_plane, size)
    seen = tf.reshape(seen, (-1, *size, targets, channels))
    return tf.transpose(seen, (3, 0, 1, 2, 4))
