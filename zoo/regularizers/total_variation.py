"""Total variation of feature maps."""

import keras
from keras import ops

from zoo.regularizers.alpha import check_alpha


@keras.saving.register_keras_serializable(package="zoo")
class TotalVariation(keras.Regularizer):
    """Penalises the differences between neighbours in feature maps.

        alpha / (N K) * sum_i sum_k TV(F[i, :, :, k])
        TV(x) = sum_{i, j} |x[i+1, j] - x[i, j]| + |x[i, j+1] - x[i, j]|

    for N images and K channels. It is an `activity_regularizer`: a call
    returns the sum over the images, which Keras then divides by their
    number. For weights there is `zoo.regularizers.KernelTotalVariation`.

    Convex; between equal neighbours the gradient is one of the subgradients.

    Args:
        alpha: Strength, 0 or more. The paper takes 1e-4 and 1e-5.

    Raises:
        ValueError: If `alpha` is negative or not finite; when called, if the
            feature maps' rank is not 4.

    Example:

    >>> layer = keras.layers.Conv2D(8, 3, activity_regularizer=TotalVariation())

    Reference: BlurNet, "Total Variation Regularization".
    """

    def __init__(self, alpha: float = 1e-4):
        self.alpha = check_alpha(alpha)

    def __call__(self, x):
        if len(x.shape) != 4:
            raise ValueError(
                "TotalVariation takes feature maps, (batch, height, width, "
                f"channels). Received: shape={tuple(x.shape)}"
            )
        # A sum of many terms, which bfloat16 cannot hold.
        x = ops.cast(x, "float32")
        return self.alpha / x.shape[-1] * ops.sum(total_variation(x))

    def get_config(self):
        return {"alpha": self.alpha}


def total_variation(maps, axes: tuple[int, int] = (1, 2)):
    """Returns the anisotropic total variation of each map.

    Args:
        maps: A tensor of maps.
        axes: The maps' two axes of positions.

    Returns:
        A tensor of `maps`' shape without those axes.
    """
    total = 0.0
    for axis in axes:
        before = [slice(None)] * len(maps.shape)
        after = list(before)
        before[axis], after[axis] = slice(None, -1), slice(1, None)
        steps = maps[tuple(after)] - maps[tuple(before)]
        total += ops.sum(ops.abs(steps), axis=axes)
    return total
