"""What the Square attack draws: the starts and the changed squares.

Each class is one norm's: `start` draws the first perturbation and `propose`
the next candidate.

Reference: [Andriushchenko et al., 2020](https://arxiv.org/abs/1912.00049).
"""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from zoo.training.attacks.parts import geometry

_PLANE = (1, 2)
_TILES = 5  # Along each side, at the start in L2.


class LinfWindows:
    """Squares in which each channel goes to one end of the L-inf ball.

    Args:
        image_shape: `(height, width, channels)`.
        areas: Fractions of the image that a square covers, by stage.
        eps: Radius of the ball.

    Reference: Algorithm 2.
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
            [_side_of(image_shape, area) for area in areas], "int32"
        )

    def start(self, images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Returns vertical stripes, one pixel wide, on the images."""
        count, _, width, channels = tf.unstack(tf.shape(images))
        signs = _random_signs((count, 1, width, channels), seed)
        return tf.clip_by_value(images + self._eps * signs, 0.0, 1.0)

    def propose(
        self,
        iterates: tf.Tensor,
        images: tf.Tensor,
        stage: tf.Tensor,
        seed: tf.Tensor,
    ) -> tf.Tensor:
        """Returns iterates with a square changed.

        If a square would change nothing, the sign of one channel is flipped
        (the authors' code draws again).

        Args:
            iterates: Images in the ball.
            images: Its centers.
            stage: Index of the area.
        """
        seeds = tf.random.experimental.stateless_split(seed, 3)
        rows, columns = _random_offsets(iterates, self._sides[stage], seeds[0])
        window = _is_inside(rows, self._sides[stage])
        window &= _is_inside(columns, self._sides[stage])
        count = tf.shape(images)[0]

        def painted(signs):
            ends = tf.clip_by_value(images + self._eps * signs, 0.0, 1.0)
            return tf.where(window, ends, iterates)

        signs = _random_signs((count, 1, 1, self._channels), seeds[1])
        unchanged = tf.reduce_all(
            painted(signs) == iterates, (1, 2, 3), keepdims=True
        )
        channel = tf.random.stateless_uniform(
            (count, 1, 1), seeds[2], 0, self._channels, "int32"
        )
        channel = tf.one_hot(channel, self._channels, True, False, dtype=bool)
        return painted(tf.where(unchanged & channel, -signs, signs))


class L2Windows:
    """Pairs of squares: the L2 norm of both goes into the first.

    The first square keeps the direction that it has and gets an update of
    random sign in each channel on top (`l2_update`).

    Args:
        image_shape: `(height, width, channels)`.
        areas: Fractions of the image that a square covers, by stage.
        eps: Radius of the ball.

    Reference: Algorithm 3 and equation 2. Where the image has room, sides
    are odd and at least 3, as in the authors' code.
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
            min(max(_side_of(image_shape, area), 3) // 2 * 2 + 1, shortest)
            for area in areas
        ]
        self._sides = tf.constant(sides, "int32")
        self._largest = max(sides)
        self._updates = tf.stack(
            [_padded(l2_update(side), self._largest) for side in sides]
        )

    def start(self, images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Returns images with 5 by 5 tiled updates, on the ball's surface."""
        height, width, channels = self._image_shape
        side = max(min(height, width) // _TILES, 1)
        rows, columns = height // side, width // side
        seeds = tf.random.experimental.stateless_split(seed, 2)
        shape = (tf.shape(images)[0], rows, 1, columns, 1)
        tile = l2_update(side)[:, None, :, None]
        tiles = tf.where(
            _random_coins((*shape, 1), seeds[0]),
            tile,
            tile.transpose(2, 1, 0, 3),
        )
        tiles *= _random_signs((*shape, channels), seeds[1])
        tiles = tf.reshape(tiles, (-1, rows * side, columns * side, channels))
        above, left = (height - rows * side) // 2, (width - columns * side) // 2
        tiles = tf.image.pad_to_bounding_box(tiles, above, left, height, width)
        tiles *= self._eps / geometry.norms(tiles, "l2")
        return tf.clip_by_value(images + tiles, 0.0, 1.0)

    def propose(
        self,
        iterates: tf.Tensor,
        images: tf.Tensor,
        stage: tf.Tensor,
        seed: tf.Tensor,
    ) -> tf.Tensor:
        """Returns iterates with the norm of two squares moved into one.

        Args:
            iterates: Images in the ball.
            images: Its centers.
            stage: Index of the area.
        """
        side = self._sides[stage]
        seeds = tf.random.experimental.stateless_split(seed, 4)
        rows, columns = _random_offsets(iterates, side, seeds[0])
        first = _is_inside(rows, side) & _is_inside(columns, side)
        added = self._placed(stage, rows, columns, seeds[2])
        rows, columns = _random_offsets(iterates, side, seeds[1])
        second = _is_inside(rows, side) & _is_inside(columns, side)
        count = tf.shape(images)[0]
        added *= _random_signs((count, 1, 1, self._image_shape[-1]), seeds[3])
        return self.moved(iterates, images, first, second, added)

    def moved(
        self,
        iterates: tf.Tensor,
        images: tf.Tensor,
        first: tf.Tensor,
        second: tf.Tensor,
        added: tf.Tensor,
    ) -> tf.Tensor:
        """Moves the norm of two windows, and the unused rest, into the first.

        Args:
            first: Whether a pixel is in the first window,
                `(batch, height, width, 1)`.
            second: Whether it is in the second.
            added: The update, 0 outside the first window and of norm 1 in
                each channel.
        """
        perturbations = iterates - images
        in_first = tf.where(first, perturbations, 0.0)
        in_both = tf.where(first | second, perturbations, 0.0)
        norms = geometry.norms(perturbations, "l2")
        unused = tf.maximum(self._eps**2 - norms**2, 0.0)
        available = tf.sqrt(
            _channel_norms(in_both) ** 2 + unused / self._image_shape[-1]
        )
        changed = added + tf.math.divide_no_nan(
            in_first, _channel_norms(in_first)
        )
        changed *= tf.math.divide_no_nan(available, _channel_norms(changed))
        perturbations = tf.where(first | second, 0.0, perturbations) + changed
        return geometry.project(
            images + perturbations, images, norm="l2", eps=self._eps
        )

    def _placed(self, stage, rows, columns, seed):
        """Returns the update in its window, upright or turned, 0 outside."""
        side = self._sides[stage]
        inside = _is_inside(rows, side) & _is_inside(columns, side)
        upright = _random_coins((tf.shape(rows)[0], 1, 1, 1), seed)
        across = tf.where(upright, rows, columns)
        along = tf.where(upright, columns, rows)
        places = tf.where(inside, across * self._largest + along, 0)
        values = tf.gather(tf.reshape(self._updates[stage], (-1,)), places)
        return tf.where(inside, values, 0.0)


def l2_update(side: int) -> np.ndarray:
    """Returns the paper's eta, of norm 1.

    Its upper half is positive, its lower half negative. The size falls from
    the middle of each half outwards, in square rings.

    Args:
        side: Of the square that it fills, in pixels.

    Returns:
        `(side, side)`, float32.

    Reference: equation 2.
    """
    above = _half_update(side // 2, side)
    below = _half_update(side - side // 2, side)
    both = np.concatenate([above, -below])
    return (both / np.linalg.norm(both)).astype("float32")


def _padded(update, size):
    return np.pad(update, (0, size - len(update)))


def _channel_norms(perturbations):
    return tf.sqrt(
        tf.reduce_sum(tf.square(perturbations), _PLANE, keepdims=True)
    )


def _side_of(image_shape, area):
    """Returns the side of a square of that area that fits in the image."""
    height, width, _ = image_shape
    side = round(np.sqrt(area * height * width))
    return min(max(side, 1), height, width)


def _random_offsets(images, side, seed):
    """Returns each row's and each column's offset into a random square.

    Their shapes are `(batch, height, 1, 1)` and `(batch, 1, width, 1)`. A
    pixel is in the square if both are from 0 to `side - 1`.
    """
    count, height, width, _ = tf.unstack(tf.shape(images))
    seeds = tf.random.experimental.stateless_split(seed, 2)
    offsets = []
    for length, seed in zip((height, width), tf.unstack(seeds), strict=True):
        corners = tf.random.stateless_uniform(
            (count, 1), seed, 0, length - side + 1, "int32"
        )
        offsets.append(tf.range(length) - corners)
    return offsets[0][:, :, None, None], offsets[1][:, None, :, None]


def _is_inside(offsets, side):
    """Returns whether offsets are inside a square of that side."""
    return (offsets >= 0) & (offsets < side)


def _random_coins(shape, seed):
    """Returns true or false with equal probability."""
    return tf.random.stateless_uniform(shape, seed, 0, 2, "int32") == 1


def _random_signs(shape, seed):
    """Returns 1 or -1 with equal probability."""
    return tf.where(_random_coins(shape, seed), 1.0, -1.0)


def _half_update(height, width):
    """Returns `sum(1 / k**2)` for k from a pixel's ring to the last ring."""
    rows = np.abs(np.arange(height) - height // 2)
    columns = np.abs(np.arange(width) - width // 2)
    rings = np.maximum(rows[:, None], columns)
    values = 1 / np.arange(1, width // 2 + 2) ** 2
    half = np.cumsum(values[::-1])[::-1][rings]
    return half / max(np.linalg.norm(half), 1e-12)
