"""Low-pass filters, fixed or learned."""

import keras
import numpy as np
from keras import ops

from zoo import regularizers

_PADDINGS = ("zeros", "reflect")
_CONSTRAINTS = ("non_negative", "softmax")


def box_kernel(size: int) -> np.ndarray:
    """Returns the `(size, size)` mean filter."""
    return np.full((size, size), 1 / size**2, "float32")


def gaussian_kernel(size: int, sigma: float | None = None) -> np.ndarray:
    """Returns the `(size, size)` Gaussian filter, its values summing to one.

    The density is sampled at whole pixels from the centre and normalised.

    Args:
        sigma: Standard deviation in pixels; `None` is OpenCV's rule,
            `0.3 ((size - 1) / 2 - 1) + 0.8`.
    """
    if sigma is None:
        sigma = 0.3 * ((size - 1) * 0.5 - 1) + 0.8
    distances = np.arange(size) - (size - 1) / 2
    profile = np.exp(-0.5 * np.square(distances / sigma))
    profile /= profile.sum()
    return np.outer(profile, profile).astype("float32")


def identity_kernel(size: int) -> np.ndarray:
    """Returns the `(size, size)` filter that changes nothing."""
    kernel = np.zeros((size, size), "float32")
    kernel[size // 2, size // 2] = 1
    return kernel


@keras.saving.register_keras_serializable(package="zoo")
class Blur(keras.layers.Layer):
    """Convolves every channel with a filter of its own: BlurNet's layer.

    A depthwise convolution of stride 1, without a bias. A fixed filter is
    the same for all channels and has no weights. Learned filters are a weight
    of shape `(kernel_size, kernel_size, channels, 1)`.

    Gradient: exact.
    Randomness: none.

    Args:
        kernel_size: Pixels along the filter's sides; odd.
        kernel: `"box"`, `"gaussian"` or `"identity"`. For learned filters
            this is the start, and may be any Keras initializer.
        sigma: The Gaussian's standard deviation in pixels; `None` takes
            OpenCV's: 0.8 for 3 pixels, 1.1 for 5 and 1.4 for 7.
        learned: Whether training changes the filters.
        padding: Values beyond the border: `"zeros"`, as in a network's
            convolutions, or `"reflect"`, the pixels mirrored about the
            outermost ones.
        kernel_regularizer: Penalty on learned filters, as
            `zoo.regularizers.get` takes it, such as `"l_inf"` or
            `zoo.regularizers.LInf()`.
        constraint: What learned filters must be; `None` leaves them free.
            `"non_negative"` sets negative weights to 0 at the start and after
            each update. `"softmax"` learns logits: a filter is their softmax
            over its pixels, so it is positive and sums to one, and its
            penalty is that of the softmax. `depthwise_kernel` then holds the
            logits, `filters` the filters.

    Input shape: `(batch, height, width, channels)`.
    Output shape: Same as the input.

    Raises:
        ValueError: If an option is out of its range.

    Reference: BlurNet ("Defense by Filtering the Feature Maps"),
        "Low-pass filtering" and "Learning the Filter Parameters".
    """

    gradient = "exact"
    stochastic = False

    def __init__(
        self,
        kernel_size: int = 3,
        kernel: str | dict | keras.Initializer = "box",
        *,
        sigma: float | None = None,
        learned: bool = False,
        padding: str = "zeros",
        kernel_regularizer: keras.Regularizer | dict | str | None = None,
        constraint: str | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if int(kernel_size) != kernel_size or kernel_size < 1:
            raise ValueError(
                "kernel_size must be an odd whole number. "
                f"Received: kernel_size={kernel_size}"
            )
        if kernel_size % 2 == 0:
            raise ValueError(
                "kernel_size must be odd, or the filter shifts what it "
                f"filters. Received: kernel_size={kernel_size}"
            )
        if sigma is not None and not (kernel == "gaussian" and sigma > 0):
            raise ValueError(
                "sigma must be positive, and is the Gaussian's alone. "
                f"Received: sigma={sigma}, kernel={kernel!r}"
            )
        if padding not in _PADDINGS:
            raise ValueError(
                f"padding must be one of {', '.join(map(repr, _PADDINGS))}. "
                f"Received: padding={padding!r}"
            )
        if kernel_regularizer is not None and not learned:
            raise ValueError(
                "kernel_regularizer penalises learned filters alone. "
                f"Received: learned={learned}, "
                f"kernel_regularizer={kernel_regularizer!r}"
            )
        if constraint is not None and constraint not in _CONSTRAINTS:
            raise ValueError(
                f"constraint must be one of {', '.join(_CONSTRAINTS)} or None. "
                f"Received: constraint={constraint!r}"
            )
        if constraint is not None and not learned:
            raise ValueError(
                "constraint is on learned filters alone. "
                f"Received: learned={learned}, constraint={constraint!r}"
            )
        if constraint == "softmax" and kernel == "identity":
            raise ValueError(
                "A softmax is nowhere 0, so it cannot start at the identity. "
                f"Received: kernel={kernel!r}, constraint={constraint!r}"
            )
        self.kernel_size = int(kernel_size)
        self.constraint = constraint
        self.sigma = None if sigma is None else float(sigma)
        self.learned = bool(learned)
        self.padding = padding
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.kernel = kernel
        self._values = self._fixed_values(kernel)
        self._initializer = None
        if self._values is None:
            self._initializer = keras.initializers.get(kernel)

    def _fixed_values(self, kernel) -> np.ndarray | None:
        """Returns the filter that `kernel` names; `None` for an initializer."""
        if kernel == "box":
            return box_kernel(self.kernel_size)
        if kernel == "gaussian":
            return gaussian_kernel(self.kernel_size, self.sigma)
        if kernel == "identity":
            return identity_kernel(self.kernel_size)
        if self.learned:
            return None
        raise ValueError(
            "kernel must be 'box', 'gaussian' or 'identity'; learned filters "
            f"may start from any initializer. Received: kernel={kernel!r}"
        )

    def build(self, input_shape):
        if len(input_shape) != 4 or input_shape[-1] is None:
            raise ValueError(
                "Blur takes (batch, height, width, channels) with a known "
                "number of channels. "
                f"Received: input_shape={tuple(input_shape)}"
            )
        if self.learned:
            self.depthwise_kernel = self.add_weight(
                name="depthwise_kernel",
                shape=(self.kernel_size, self.kernel_size, input_shape[-1], 1),
                initializer=self._first_weights,
                regularizer=self.kernel_regularizer and self._penalty,
                constraint="non_neg" if self._non_negative else None,
            )
        self.built = True

    def _start(self, shape, dtype=None):
        values = np.broadcast_to(self._values[:, :, None, None], shape)
        return ops.convert_to_tensor(values, dtype)

    def _first_weights(self, shape, dtype=None):
        if self._initializer is not None:
            weights = self._initializer(shape, dtype)
        elif self.constraint == "softmax":
            return ops.log(self._start(shape, dtype))
        else:
            weights = self._start(shape, dtype)
        return ops.maximum(weights, 0) if self._non_negative else weights

    @property
    def _non_negative(self):
        return self.constraint == "non_negative"

    @property
    def filters(self):
        """Learned filters in use, `(size, size, channels, 1)`."""
        return self._to_filters(ops.convert_to_tensor(self.depthwise_kernel))

    def _to_filters(self, weights):
        if self.constraint != "softmax":
            return weights
        flat = ops.reshape(weights, (-1, *weights.shape[2:]))
        # Sums of bfloat16 would not be one.
        shares = ops.softmax(ops.cast(flat, "float32"), axis=0)
        return ops.cast(ops.reshape(shares, weights.shape), weights.dtype)

    def _penalty(self, weights):
        return self.kernel_regularizer(self._to_filters(weights))

    def call(self, inputs):
        if self.learned:
            kernel = self.filters
        else:
            size, channels = self.kernel_size, inputs.shape[-1]
            kernel = self._start((size, size, channels, 1), inputs.dtype)
        padding = "same"
        if self.padding == "reflect":
            border = self.kernel_size // 2
            inputs = ops.pad(
                inputs,
                ((0, 0), (border, border), (border, border), (0, 0)),
                mode="reflect",
            )
            padding = "valid"
        return ops.depthwise_conv(
            inputs, kernel, padding=padding, data_format="channels_last"
        )

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        kernel = self.kernel
        if self._initializer is not None:
            kernel = keras.initializers.serialize(self._initializer)
        return {
            **super().get_config(),
            "kernel_size": self.kernel_size,
            "kernel": kernel,
            "sigma": self.sigma,
            "learned": self.learned,
            "padding": self.padding,
            "kernel_regularizer": keras.regularizers.serialize(
                self.kernel_regularizer
            ),
            "constraint": self.constraint,
        }
