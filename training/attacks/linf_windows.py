"""What the Square attack draws in L-inf: starts and changed squares."""

from collections.abc import Sequence

import tensorflow as tf

from zoo.training.attacks.random_squares import is_inside
from zoo.training.attacks.random_squares import random_offsets
from zoo.training.attacks.random_squares import random_signs
from zoo.training.attacks.random_squares import side_of


class LinfWindows:
    """Squares in which each channel goes to one end of the ball.

    Args:
        image_shape: `(height, width, channels)`.
        areas: Fractions of the image that a square covers, by stage.
        eps: Radius of the ball.

    Reference: [Andriushchenko et al., 2020](https://arxiv.org/abs/1912.00049),
    Algorithm 2.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        areas: Sequence[float],
        *,
        eps: float,
    ):
        self._eps = eps
        self._channels = image_shape[-1]
        self._sides = tf.constant(
            [side_of(image_shape, area) for area in areas], "int32"
        )

    def start(self, images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Returns vertical stripes, one pixel wide, on the images."""
        count, _, width, channels = tf.unstack(tf.shape(images))
        signs = random_signs((count, 1, width, channels), seed)
        return tf.clip_by_value(images + self._eps * signs, 0.0, 1.0)

    def propose(
        self,
        iterates: tf.Tensor,
        images: tf.Tensor,
        stage: tf.Tensor,
        seed: tf.Tensor,
    ) -> tf.Tensor:
        """Returns iterates with a square changed.

        A square that would change nothing has the sign of one channel
        flipped (the authors' code draws again).

        Args:
            iterates: Images in the ball.
            images: Its centers.
            stage: Index of the area.
        """
        seeds = tf.random.experimental.stateless_split(seed, 3)
        rows, columns = random_offsets(iterates, self._sides[stage], seeds[0])
        window = is_inside(rows, self._sides[stage])
        window &= is_inside(columns, self._sides[stage])
        count = tf.shape(images)[0]

        def painted(signs):
            ends = tf.clip_by_value(images + self._eps * signs, 0.0, 1.0)
            return tf.where(window, ends, iterates)

        signs = random_signs((count, 1, 1, self._channels), seeds[1])
        unchanged = tf.reduce_all(
            painted(signs) == iterates, (1, 2, 3), keepdims=True
        )
        channel = tf.random.stateless_uniform(
            (count, 1, 1), seeds[2], 0, self._channels, "int32"
        )
        channel = tf.one_hot(channel, self._channels, True, False, dtype=bool)
        return painted(tf.where(unchanged & channel, -signs, signs))
