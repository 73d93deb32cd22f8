"""The largest weight of each filter."""

import keras
from keras import ops

from zoo.regularizers.alpha import check_alpha


@keras.saving.register_keras_serializable(package="zoo")
class LInf(keras.Regularizer):
    """Penalises the largest weight of each 2-D filter.

        alpha / K * sum_j max_{x, y} |W[x, y, j]|

    where `j` runs over the K filters that the kernel holds: the channels of
    a depthwise kernel, the pairs of input and output channels of an ordinary
    one. The norm is that of the filter as a vector, not as an operator: what
    the paper wants is that a filter's weights become alike, as a mean
    filter's are, and it is the largest entry whose decrease brings that
    about.

    Convex; where several entries are the largest, the gradient is one of the
    subgradients.

    Args:
        alpha: Strength, 0 or more. The paper takes 1e-5 for filters of 3×3,
            0.1 for 5×5 and 7×7.

    Raises:
        ValueError: If `alpha` is negative or not finite; when called, if the
            kernel's rank is not 4.

    Reference: BlurNet, "L-infinity Regularization".
    """

    def __init__(self, alpha: float = 1e-5):
        self.alpha = check_alpha(alpha)

    def __call__(self, x):
        if len(x.shape) != 4:
            raise ValueError(
                "LInf takes kernels of 2-D convolutions, (height, width, "
                f"inputs, outputs). Received: shape={tuple(x.shape)}"
            )
        largest = ops.max(ops.abs(ops.cast(x, "float32")), axis=(0, 1))
        return self.alpha * ops.mean(largest)

    def get_config(self):
        return {"alpha": self.alpha}
