"""A perturbation as the camera sees it: on a view, moved and relit."""

import dataclasses
import math
from collections.abc import Sequence

import tensorflow as tf

from zoo.training.attacks.parts.checks import checked_size

_NEIGHBOURS = ((0, 0), (0, 1), (1, 0), (1, 1))


@dataclasses.dataclass(frozen=True)
class Transformations:
    """Random changes of the views, which a perturbation must survive.

    They are drawn anew for each view and step, the same for all targets. The
    view turns and leans, sign and perturbation together; then its light
    changes and the sensor adds noise.

    Args:
        rotation: Largest turn about the centre, degrees, either way.
        perspective: Largest move of each corner along each side, a fraction
            of that side, below 0.5.
        brightness: Pixels are multiplied by 1 minus up to 1 plus this, below
            1.
        noise: Standard deviation of Gaussian noise on each pixel.

    Raises:
        ValueError: If a number is out of its range.

    Reference: [Eykholt et al., 2018](https://arxiv.org/abs/1707.08945),
        section 3.2; the released attack on ImageNet models moves corners
        and changes the light.
    """

    rotation: float = 0.0
    perspective: float = 0.0
    brightness: float = 0.0
    noise: float = 0.0

    def __post_init__(self):
        for field in dataclasses.fields(self):
            checked_size(field.name, getattr(self, field.name))
        if self.perspective >= 0.5:
            raise ValueError(
                "`perspective` must be below 0.5. "
                f"Received: perspective={self.perspective}"
            )
        if self.brightness >= 1:
            raise ValueError(
                "`brightness` must be below 1. "
                f"Received: brightness={self.brightness}"
            )

    @property
    def moves(self) -> bool:
        """Whether views turn or lean."""
        return bool(self.rotation or self.perspective)

    def homographies(
        self, count: int, size: tuple[int, int], seed: tf.Tensor
    ) -> tf.Tensor:
        """Draws where the pixels of `count` moved views come from.

        Args:
            size: Height and width of the views.
            seed: Two integers.

        Returns:
            `(count, 3, 3)`, from points of the moved views to points of the
            views; points as in `warp`.
        """
        turn_seed, lean_seed = tf.unstack(tf.random.split(seed))
        height, width = size
        corners = tf.constant(
            [
                [0, 0],
                [width - 1, 0],
                [width - 1, height - 1],
                [0, height - 1],
            ],
            "float32",
        )
        centre = tf.reduce_mean(corners, axis=0)
        largest = self.rotation * math.pi / 180
        angles = tf.random.stateless_uniform(
            (count,), turn_seed, -largest, largest
        )
        cosines, sines = tf.cos(angles), tf.sin(angles)
        turns = tf.stack([cosines, -sines, sines, cosines], axis=-1)
        turns = tf.reshape(turns, (count, 2, 2))
        turned = tf.einsum("vij,cj->vci", turns, corners - centre) + centre
        leans = tf.random.stateless_uniform((count, 4, 2), lean_seed, -1, 1)
        leans *= self.perspective * tf.constant([width, height], "float32")
        return homography(
            tf.broadcast_to(corners, (count, 4, 2)), turned + leans
        )

    def relit(self, images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Changes the light and adds noise, the same for every target.

        Args:
            images: `(targets, views, height, width, channels)` in [0, 1].
            seed: Two integers.

        Returns:
            Images of the same shape, in [0, 1].
        """
        if not (self.brightness or self.noise):
            return images
        light_seed, noise_seed = tf.unstack(tf.random.split(seed))
        views, pixels = images.shape[1], images.shape[2:]
        images *= tf.random.stateless_uniform(
            (views, 1, 1, 1),
            light_seed,
            1 - self.brightness,
            1 + self.brightness,
        )
        if self.noise:
            images += tf.random.stateless_normal(
                (views, *pixels), noise_seed, stddev=self.noise
            )
        return tf.clip_by_value(images, 0.0, 1.0)


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
        repeat_border: Whether points outside the plane take the value at its
            border; else they are 0. Points behind the camera are always 0.

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
