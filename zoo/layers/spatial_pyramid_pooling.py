"""Spatial pyramid pooling."""

from functools import partial

import keras
from keras import ops

_LAYERS = {
    "average": (
        keras.layers.GlobalAveragePooling2D,
        keras.layers.AdaptiveAveragePooling2D,
        ops.mean,
    ),
    "max": (
        keras.layers.GlobalMaxPooling2D,
        keras.layers.AdaptiveMaxPooling2D,
        ops.max,
    ),
}


@keras.saving.register_keras_serializable(package="zoo")
class SpatialPyramidPooling(keras.layers.Layer):
    """Pools feature maps of any size into a vector of fixed length.

    Each level divides the map into `bins` by `bins` cells and pools every
    cell, so one network takes images of several scales. Where a map does not
    divide evenly, cells overlap by at most one row or column
    (`keras.layers.AdaptiveAveragePooling2D`).

    Gradient: exact.
    Randomness: none.

    Args:
        bins: Cells along each side, one number a level.
        pooling: `"average"`, as in IRM, or `"max"`, as in He et al.

    Input shape: `(batch, height, width, channels)`, any height and width,
        known or not.
    Output shape: `(batch, sum(b * b for b in bins) * channels)`: levels in
        the order given, then cells row by row, then channels.

    References:
        [He et al., 2014](https://arxiv.org/abs/1406.4729), section 2.2;
        IRM, section II.B, with bins 1, 2 and 4.
    """

    gradient = "exact"
    stochastic = False

    def __init__(
        self,
        bins: tuple[int, ...] = (1, 2, 4),
        pooling: str = "average",
        **kwargs,
    ):
        super().__init__(**kwargs)
        bins = tuple(bins)
        if not bins or any(int(b) != b or b < 1 for b in bins):
            raise ValueError(
                f"bins must be positive whole numbers. Received: bins={bins}"
            )
        if pooling not in _LAYERS:
            raise ValueError(
                "pooling must be 'average' or 'max'. "
                f"Received: pooling={pooling!r}"
            )
        self.bins = tuple(int(b) for b in bins)
        self.pooling = pooling
        self._levels = [self._level(b) for b in self.bins]

    def build(self, input_shape):
        if len(input_shape) != 4:
            raise ValueError(
                "SpatialPyramidPooling takes (batch, height, width, channels). "
                f"Received: input_shape={tuple(input_shape)}"
            )
        self.built = True

    def call(self, inputs):
        cells = self._length() * inputs.shape[-1]
        levels = self._levels
        if not all(size and size > 1 for size in inputs.shape[1:3]):
            # Keras' layers need known sizes, and crash where one is 1.
            _, _, reduce = _LAYERS[self.pooling]
            levels = [partial(_pool, bins=b, reduce=reduce) for b in self.bins]
        pooled = [
            ops.reshape(level(inputs), (-1, b * b * inputs.shape[-1]))
            for b, level in zip(self.bins, levels, strict=True)
        ]
        return ops.reshape(ops.concatenate(pooled, axis=-1), (-1, cells))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self._length() * input_shape[-1])

    def get_config(self):
        return {
            **super().get_config(),
            "bins": self.bins,
            "pooling": self.pooling,
        }

    def _level(self, bins: int) -> keras.layers.Layer:
        whole, adaptive, _ = _LAYERS[self.pooling]
        if bins == 1:  # Keras' adaptive layers refuse a single cell.
            return whole(
                keepdims=True,
                data_format="channels_last",
                dtype=self.dtype_policy,
            )
        return adaptive(
            bins, data_format="channels_last", dtype=self.dtype_policy
        )

    def _length(self) -> int:
        return sum(b * b for b in self.bins)


def _pool(maps, bins: int, reduce):
    """Pools maps of any size, first their rows, then their columns."""
    for _ in range(2):
        size = ops.shape(maps)[1]
        cells = [
            reduce(maps[:, i * size // bins : -(-(i + 1) * size // bins)], 1)
            for i in range(bins)
        ]
        maps = ops.stack(cells, axis=2)  # Swaps rows and columns.
    return maps
