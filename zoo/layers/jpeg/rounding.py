"""What the gradient sees of a codec's rounding."""

from collections.abc import Callable

import keras
from keras import ops


def replace_gradient(function: Callable, gradient: Callable) -> Callable:
    """Gives a function a gradient of its own.

    Args:
        function: From one tensor to one tensor.
        gradient: From `(inputs, upstream)` to the gradient by the inputs.

    Returns:
        A function that equals `function` going forward.
    """

    @ops.custom_gradient
    def replaced(inputs):
        def backward(*args, upstream=None):
            return gradient(inputs, args[0] if upstream is None else upstream)

        return function(inputs), backward

    return replaced


def identity_gradient(inputs, upstream):
    """Passes the gradient on unchanged."""
    return upstream


def zero_gradient(inputs, upstream):
    """Stops the gradient, leaving zeros rather than nothing."""
    return ops.zeros_like(inputs)


class StraightThrough:
    """Exact rounding that the gradient takes for the identity.

    Saturation keeps its own gradient: none beyond the range.
    """

    def round(self, values):
        """Rounds to whole numbers."""
        return replace_gradient(ops.round, identity_gradient)(values)

    def to_bytes(self, values, low: float, high: float):
        """Rounds to the nearest of 256 even levels, halves up."""

        def quantize(values):
            return keras.quantizers.fake_quant_with_min_max_vars(
                values, low, high
            )

        def gradient(values, upstream):
            half_step = (high - low) / 510
            inside = ops.logical_and(
                ops.greater_equal(values, low - half_step),
                ops.less_equal(values, high + half_step),
            )
            return ops.where(inside, upstream, ops.zeros_like(upstream))

        return replace_gradient(quantize, gradient)(values)

    def code(self, coder: Callable, planes):
        """Applies a coder that only its rounding keeps from the identity."""
        return replace_gradient(
            lambda planes: coder(planes, ops.round), identity_gradient
        )(planes)


class Smooth:
    """Differentiable stand-ins for rounding, whose gradients are exact.

    Coefficients go through `round(x) + (x - round(x))**3`. Pixels and samples
    are held in range but stay between whole levels.

    Reference: Shin and Song, "JPEG-resistant Adversarial Images", NIPS 2017
        Workshop on Machine Learning and Computer Security.
    """

    def round(self, values):
        """Leaves the values as they are."""
        return values

    def to_bytes(self, values, low: float, high: float):
        """Limits the values to their range."""
        return ops.clip(values, low, high)

    def code(self, coder: Callable, planes):
        """Applies a coder with smooth rounding of its coefficients."""
        return coder(planes, self._round_smoothly)

    def _round_smoothly(self, values):
        whole = ops.round(values)
        return whole + (values - whole) ** 3
