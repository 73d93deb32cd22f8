"""What the Square attack draws in L2: starts and changed squares."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from zoo.training import projections
from zoo.training.attacks.bumps import bumps
from zoo.training.attacks.random_squares import is_inside
from zoo.training.attacks.random_squares import random_coins
from zoo.training.attacks.random_squares import random_offsets
from zoo.training.attacks.random_squares import random_signs
from zoo.training.attacks.random_squares import side_of

_PLANE = (1, 2)
_TILES = 5


class L2Windows:
    """Pairs of squares: the norm in both goes into the first.

    There it adds to what is left of the first a pair of bumps of opposite
    sign, the sign being random in each channel.

    Args:
        image_shape: `(height, width, channels)`.
        areas: Fractions of the image that a square covers, by stage.
        eps: Radius of the ball.

    Reference: [Andriushchenko et al., 2020](https://arxiv.org/abs/1912.00049),
    Algorithm 3 and equation 2; sides are odd and at least 3, as in the
    authors' code, where the image has room.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        areas: Sequence[float],
        *,
        eps: float,
    ):
        self._eps = eps
        self._image_shape = image_shape
        shortest = min(image_shape[:2])
        sides = [
            min(max(side_of(image_shape, area), 3) // 2 * 2 + 1, shortest)
            for area in areas
        ]
        self._sides = tf.constant(sides, "int32")
        self._largest = max(sides)
        self._bumps = tf.stack(
            [_padded(bumps(side), self._largest) for side in sides]
        )

    def start(self, images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Returns images with 5 by 5 tiles of bumps, on the ball's surface."""
        height, width, channels = self._image_shape
        side = max(min(height, width) // _TILES, 1)
        rows, columns = height // side, width // side
        seeds = tf.random.experimental.stateless_split(seed, 2)
        shape = (tf.shape(images)[0], rows, 1, columns, 1)
        tile = bumps(side)[:, None, :, None]
        tiles = tf.where(
            random_coins((*shape, 1), seeds[0]),
            tile,
            tile.transpose(2, 1, 0, 3),
        )
        tiles *= random_signs((*shape, channels), seeds[1])
        tiles = tf.reshape(tiles, (-1, rows * side, columns * side, channels))
        above, left = (height - rows * side) // 2, (width - columns * side) // 2
        tiles = tf.image.pad_to_bounding_box(tiles, above, left, height, width)
        tiles *= self._eps / projections.norms(tiles, "l2")
        return tf.clip_by_value(images + tiles, 0.0, 1.0)

    def propose(
        self,
        iterates: tf.Tensor,
        images: tf.Tensor,
        stage: tf.Tensor,
        seed: tf.Tensor,
    ) -> tf.Tensor:
        """Returns iterates with the norm of two squares put into one.

        Args:
            iterates: Images in the ball.
            images: Its centers.
            stage: Index of the area.
        """
        side = self._sides[stage]
        seeds = tf.random.experimental.stateless_split(seed, 4)
        rows, columns = random_offsets(iterates, side, seeds[0])
        first = is_inside(rows, side) & is_inside(columns, side)
        added = self._placed(stage, rows, columns, seeds[2])
        rows, columns = random_offsets(iterates, side, seeds[1])
        second = is_inside(rows, side) & is_inside(columns, side)
        count = tf.shape(images)[0]
        added *= random_signs((count, 1, 1, self._image_shape[-1]), seeds[3])
        return self.moved(iterates, images, first, second, added)

    def moved(
        self,
        iterates: tf.Tensor,
        images: tf.Tensor,
        first: tf.Tensor,
        second: tf.Tensor,
        added: tf.Tensor,
    ) -> tf.Tensor:
        """Moves the norm of two windows, and what is unused, into the first.

        Args:
            first: Whether a pixel is in the first window,
                `(batch, height, width, 1)`.
            second: Whether it is in the second.
            added: Direction that is added in the first, 0 outside of it; of
                norm 1 in each channel.
        """
        perturbations = iterates - images
        in_first = tf.where(first, perturbations, 0.0)
        in_both = tf.where(first | second, perturbations, 0.0)
        norms = projections.norms(perturbations, "l2")
        unused = tf.maximum(self._eps**2 - norms**2, 0.0)
        available = tf.sqrt(
            _channel_norms(in_both) ** 2 + unused / self._image_shape[-1]
        )
        changed = added + tf.math.divide_no_nan(
            in_first, _channel_norms(in_first)
        )
        changed *= tf.math.divide_no_nan(available, _channel_norms(changed))
        perturbations = tf.where(first | second, 0.0, perturbations) + changed
        return projections.project(
            images + perturbations, images, norm="l2", eps=self._eps
        )

    def _placed(self, stage, rows, columns, seed):
        """Returns the bumps in their window, upright or not, 0 outside."""
        side = self._sides[stage]
        inside = is_inside(rows, side) & is_inside(columns, side)
        upright = random_coins((tf.shape(rows)[0], 1, 1, 1), seed)
        across = tf.where(upright, rows, columns)
        along = tf.where(upright, columns, rows)
        places = tf.where(inside, across * self._largest + along, 0)
        values = tf.gather(tf.reshape(self._bumps[stage], (-1,)), places)
        return tf.where(inside, values, 0.0)


def _padded(bump, size):
    return np.pad(bump, (0, size - len(bump)))


def _channel_norms(perturbations):
    return tf.sqrt(
        tf.reduce_sum(tf.square(perturbations), _PLANE, keepdims=True)
    )
