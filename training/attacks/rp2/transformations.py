"""How the camera's view varies."""

import dataclasses
import math

import tensorflow as tf

from zoo.training.attacks.parts.checks import checked_size
from zoo.training.attacks.rp2.warping import homography


@dataclasses.dataclass(frozen=True)
class Transformations:
    """What a perturbation must survive: drawn anew for each view and step.

    The view turns and leans, sign and perturbation together, then its light
    changes and the sensor adds noise. The draws are the same for all targets.

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
