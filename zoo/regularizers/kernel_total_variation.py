"""Total variation of convolution kernels."""

import keras
from keras import ops

from zoo.regularizers.alpha import check_alpha
from zoo.regularizers.total_variation import total_variation


@keras.saving.register_keras_serializable(package="zoo")
class KernelTotalVariation(keras.Regularizer):
    """Penalises the differences between neighbours in 2-D filters.

        alpha / K * sum_j TV(W[:, :, j])

    where `j` runs over the K filters that the kernel holds and TV is that of
    `zoo.regularizers.TotalVariation`. The paper's formula is on the feature
    maps; one of its slides names the first layer's weights instead.

    Convex; between equal neighbours the gradient is one of the subgradients.

    Args:
        alpha: Strength, 0 or more.

    Raises:
        ValueError: If `alpha` is negative or not finite; when called, if the
            kernel's rank is not 4.

    Reference: BlurNet, "Minimizing accuracy loss".
    """

    def __init__(self, alpha: float = 1e-4):
        self.alpha = check_alpha(alpha)

    def __call__(self, x):
        if len(x.shape) != 4:
            raise ValueError(
                "KernelTotalVariation takes kernels of 2-D convolutions, "
                "(height, width, inputs, outputs). "
                f"Received: shape={tuple(x.shape)}"
            )
        filters = ops.cast(x, "float32")
        return self.alpha * ops.mean(total_variation(filters, axes=(0, 1)))

    def get_config(self):
        return {"alpha": self.alpha}
