"""Penalties on weights and on feature maps."""

import math
from collections.abc import Callable
from numbers import Real

import keras
from keras import ops

from zoo.suggestions import did_you_mean


@keras.saving.register_keras_serializable(package="zoo")
class TotalVariation(keras.Regularizer):
    """Penalises the differences between neighbours in feature maps.

        alpha / (N K) * sum_i sum_k TV(F[i, :, :, k])
        TV(x) = sum_{i, j} |x[i+1, j] - x[i, j]| + |x[i, j+1] - x[i, j]|

    for N images and K channels. Use it as an `activity_regularizer`: a call
    returns the sum over the images, and Keras divides it by their number.
    For weights, use `zoo.regularizers.KernelTotalVariation`.

    Convex. Between equal neighbours the gradient is one of the subgradients.

    Args:
        alpha: Strength, 0 or more; 1e-4 and 1e-5 in the paper.

    Raises:
        ValueError: If `alpha` is negative or not finite; when called, if the
            feature maps' rank is not 4.

    Example:

    >>> layer = keras.layers.Conv2D(8, 3, activity_regularizer=TotalVariation())

    Reference: BlurNet, "Total Variation Regularization".
    """

    def __init__(self, alpha: float = 1e-4):
        self.alpha = _check_alpha(alpha)

    def __call__(self, x):
        if len(x.shape) != 4:
            raise ValueError(
                "TotalVariation takes feature maps, (batch, height, width, "
                f"channels). Received: shape={tuple(x.shape)}"
            )
        # A sum of many terms, which bfloat16 cannot hold.
        x = ops.cast(x, "float32")
        return self.alpha / x.shape[-1] * ops.sum(_total_variation(x))

    def get_config(self):
        return {"alpha": self.alpha}


@keras.saving.register_keras_serializable(package="zoo")
class KernelTotalVariation(keras.Regularizer):
    """Penalises the differences between neighbours in 2-D filters.

        alpha / K * sum_j TV(W[:, :, j])

    where `j` runs over the kernel's K filters and TV is that of
    `zoo.regularizers.TotalVariation`. The paper's formula is on the feature
    maps; one of its slides names the first layer's weights instead.

    Convex. Between equal neighbours the gradient is one of the subgradients.

    Args:
        alpha: Strength, 0 or more.

    Raises:
        ValueError: If `alpha` is negative or not finite; when called, if the
            kernel's rank is not 4.

    Reference: BlurNet, "Minimizing accuracy loss".
    """

    def __init__(self, alpha: float = 1e-4):
        self.alpha = _check_alpha(alpha)

    def __call__(self, x):
        if len(x.shape) != 4:
            raise ValueError(
                "KernelTotalVariation takes kernels of 2-D convolutions, "
                "(height, width, inputs, outputs). "
                f"Received: shape={tuple(x.shape)}"
            )
        filters = ops.cast(x, "float32")
        return self.alpha * ops.mean(_total_variation(filters, axes=(0, 1)))

    def get_config(self):
        return {"alpha": self.alpha}


@keras.saving.register_keras_serializable(package="zoo")
class LInf(keras.Regularizer):
    """Penalises the largest weight of each 2-D filter.

        alpha / K * sum_j max_{x, y} |W[x, y, j]|

    where `j` runs over the kernel's K filters: the channels of a depthwise
    kernel, the pairs of input and output channels of an ordinary one. The
    norm is that of the filter as a vector, not as an operator. The paper
    wants a filter's weights to become alike, as a mean filter's are, and
    decreasing the largest entry does that.

    Convex. Where several entries are the largest, the gradient is one of the
    subgradients.

    Args:
        alpha: Strength, 0 or more; in the paper 1e-5 for filters of 3×3, 0.1
            for 5×5 and 7×7.

    Raises:
        ValueError: If `alpha` is negative or not finite; when called, if the
            kernel's rank is not 4.

    Reference: BlurNet, "L-infinity Regularization".
    """

    def __init__(self, alpha: float = 1e-5):
        self.alpha = _check_alpha(alpha)

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


by_name: dict[str, Callable[..., keras.Regularizer]] = {
    "l_inf": LInf,
    "total_variation": TotalVariation,
    "kernel_total_variation": KernelTotalVariation,
}
"""The class of each regularizer of the zoo."""


def get(
    identifier: str | dict | keras.Regularizer | None, **options
) -> keras.Regularizer | None:
    """Returns a regularizer of the zoo or of Keras.

    `keras.regularizers.get` finds the zoo's by their configuration, but not
    by their name.

    Args:
        identifier: A name in `by_name` or of Keras' own (`"l2"`), a
            configuration, a regularizer, or `None`.
        options: Options of a regularizer of the zoo given by its name, such
            as `alpha`.

    Raises:
        ValueError: If the name is unknown.

    Example:

    >>> get("total_variation", alpha=1e-5).alpha
    1e-05
    """
    if isinstance(identifier, str) and identifier in by_name:
        return by_name[identifier](**options)
    if options:
        raise ValueError(
            "Options go with a name of the zoo's regularizers: "
            f"{', '.join(by_name)}. Received: {identifier!r}"
        )
    try:
        return keras.regularizers.get(identifier)
    except ValueError as error:
        hint = did_you_mean(str(identifier).lower(), by_name)
        raise ValueError(
            f"Unknown regularizer.{hint} The zoo's: {', '.join(by_name)}. "
            f"Received: {identifier!r}"
        ) from error


def _total_variation(maps, axes: tuple[int, int] = (1, 2)):
    """Returns the anisotropic total variation of each map.

    Args:
        maps: Tensor of maps.
        axes: The two axes along which neighbours lie.

    Returns:
        A tensor of `maps`' shape without these axes.
    """
    total = 0.0
    for axis in axes:
        before = [slice(None)] * len(maps.shape)
        after = list(before)
        before[axis], after[axis] = slice(None, -1), slice(1, None)
        steps = maps[tuple(after)] - maps[tuple(before)]
        total += ops.sum(ops.abs(steps), axis=axes)
    return total


def _check_alpha(alpha: float) -> float:
    """Returns a penalty's strength as a float, or says what is wrong.

    Raises:
        ValueError: If it is not a finite number, 0 or more.
    """
    real = isinstance(alpha, Real) and not isinstance(alpha, bool)
    if not real or not math.isfinite(alpha) or alpha < 0:
        raise ValueError(
            f"alpha must be a finite number, 0 or more. Received: alpha={alpha}"
        )
    return float(alpha)
