"""Rounding inside the codec: exact, or smooth for its derivative."""

import keras
from keras import ops


class Exact:
    """The rounding and saturation that libjpeg applies."""

    def round(self, samples):
        """Rounds samples to whole numbers."""
        return ops.round(samples)

    def round_coefficients(self, coefficients):
        """Rounds quantized coefficients to whole numbers."""
        return ops.round(coefficients)

    def to_bytes(self, values, low: float, high: float):
        """Takes the nearest of 256 even levels from `low` to `high`."""
        return keras.quantizers.fake_quant_with_min_max_vars(values, low, high)


class Smooth:
    """Differentiable stand-ins.

    Coefficients become `round(x) + (x - round(x))**3`. Samples and pixels are
    held in range but not rounded.

    Reference: Shin and Song, "JPEG-resistant Adversarial Images", NIPS 2017
        Workshop on Machine Learning and Computer Security.
    """

    def round(self, samples):
        return samples

    def round_coefficients(self, coefficients):
        whole = ops.round(coefficients)
        return whole + (coefficients - whole) ** 3

    def to_bytes(self, values, low: float, high: float):
        return ops.clip(values, low, high)
