"""Antialiased bilinear resizing as two matrix products."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="zoo")
class AntialiasedResizing(keras.layers.Layer):
    """Resizes images to `height` by `width`, antialiased when shrinking.

    Bilinear interpolation as two matrix products, `rows @ image @ columns`,
    so it runs on every device (TensorFlow's own antialiased resize has no
    GPU kernel) and its gradient is exact.

    Gradient: exact.
    Randomness: none.

    Args:
        height: Rows of the result.
        width: Columns of the result.

    Input shape: `(batch, height, width, channels)`, any height and width,
        known or not.
    Output shape: `(batch, height, width, channels)` with the new sizes.
    """

    gradient = "exact"
    stochastic = False

    def __init__(self, height: int, width: int, **kwargs):
        super().__init__(**kwargs)
        for name, size in (("height", height), ("width", width)):
            if int(size) != size or size < 1:
                raise ValueError(
                    f"{name} must be a positive whole number. "
                    f"Received: {name}={size}"
                )
        self.height = int(height)
        self.width = int(width)

    def build(self, input_shape):
        if len(input_shape) != 4:
            raise ValueError(
                "AntialiasedResizing takes (batch, height, width, channels). "
                f"Received: input_shape={tuple(input_shape)}"
            )
        self.built = True

    def call(self, inputs):
        _, height, width, _ = ops.shape(inputs)
        outputs = inputs
        if inputs.shape[1] != self.height:
            rows = _triangle_filter(height, self.height)
            outputs = ops.einsum(
                "yh,bhwc->bywc", ops.cast(rows, inputs.dtype), outputs
            )
        if inputs.shape[2] != self.width:
            columns = _triangle_filter(width, self.width)
            outputs = ops.einsum(
                "xw,bywc->byxc", ops.cast(columns, inputs.dtype), outputs
            )
        return outputs

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.height, self.width, input_shape[3])

    def get_config(self):
        return {
            **super().get_config(),
            "height": self.height,
            "width": self.width,
        }


def _triangle_filter(size, new_size: int):
    """Returns the `(new_size, size)` matrix that resamples one axis.

    Rows are triangle (bilinear) filters centred on half-pixel positions,
    widened by the reduction factor when shrinking, and sum to one.

    Args:
        size: Pixels along the axis; a tensor where the size is unknown.
        new_size: Pixels along the new axis.

    Returns:
        The matrix in float64; a tensor if `size` is one, else an array.
    """
    xp = np if isinstance(size, int) else ops
    factor = size / new_size
    support = xp.maximum(factor, 1.0)
    centres = (xp.arange(new_size, dtype="float64") + 0.5) * factor - 0.5
    pixels = xp.arange(size, dtype="float64")
    distance = xp.abs(pixels[None] - centres[:, None])
    weights = xp.maximum(0.0, 1.0 - distance / support)
    return weights / xp.sum(weights, axis=1, keepdims=True)
