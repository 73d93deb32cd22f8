"""AlexNet's normalisation across channels."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="zoo")
class LocalResponseNormalization(keras.layers.Layer):
    """Divides each value by the size of its neighbours in other channels.

    The value of channel `i` becomes

        x_i / (1 + alpha / depth * sum_j x_j^2) ** beta

    where `j` runs over the `depth` channels around `i`, fewer at the ends.
    This is Caffe's rule: it divides `alpha` by `depth`. For the same values
    `tf.nn.local_response_normalization` takes `alpha / depth`,
    `depth_radius=depth // 2` and a bias of 1.

    Gradient: exact.
    Randomness: none.

    Args:
        depth: Number of channels summed over; odd.
        alpha: Weight of the squares, above 0.
        beta: Exponent, above 0.

    Input shape: `(batch, ..., channels)`.
    Output shape: Same as the input.

    Raises:
        ValueError: If an option is out of its range.

    References:
        [Krizhevsky et al., 2012](https://papers.nips.cc/paper/4824), section
        3.3; Caffe's `LRNLayer`, across channels.
    """

    gradient = "exact"
    stochastic = False

    def __init__(
        self,
        depth: int = 5,
        alpha: float = 1e-4,
        beta: float = 0.75,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if depth < 1 or depth % 2 == 0:
            raise ValueError(
                f"depth must be odd and positive. Received: depth={depth}"
            )
        if not (alpha > 0 and beta > 0):
            raise ValueError(
                "alpha and beta must be above 0. "
                f"Received: alpha={alpha}, beta={beta}"
            )
        self.depth = depth
        self.alpha = alpha
        self.beta = beta

    def call(self, inputs):
        # A sum over neighbours is a product with a band of ones.
        channels = np.arange(inputs.shape[-1])
        distances = np.abs(channels[:, None] - channels)
        band = (distances <= self.depth // 2) * (self.alpha / self.depth)
        sums = ops.matmul(
            ops.square(inputs), ops.cast(band, self.compute_dtype)
        )
        if self.beta == 0.75:  # Two roots take less time than a power.
            root = ops.rsqrt(1 + sums)
            return inputs * root * ops.sqrt(root)
        return inputs * ops.power(1 + sums, -self.beta)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "depth": self.depth,
            "alpha": self.alpha,
            "beta": self.beta,
        }
