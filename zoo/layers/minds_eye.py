"""What joins the networks of the Artificial Mind's Eye.

The estimator, the projector and the comparator run once for all classes: the
classes are folded into the batch, and each image is in it once a class, one
after the other.
"""

import keras
import numpy as np
from keras import ops

_SMALLEST = 1e-6
"""A score's distance from 0 and 1 at least, so that its log-odds are finite."""


@keras.saving.register_keras_serializable(package="zoo")
class RepeatForClasses(keras.layers.Layer):
    """Repeats each image once a class, and says of each which class it is for.

    Gradient: exact.
    Randomness: none.

    Args:
        classes: Number of classes.

    Input shape: `(batch, height, width, channels)`.
    Output shape: `(batch * classes, height, width, channels)`, and
        `(batch * classes, classes)`, the classes one-hot.
    """

    gradient = "exact"
    stochastic = False

    def __init__(self, classes: int, **kwargs):
        super().__init__(**kwargs)
        self.classes = _checked_classes(classes)

    def call(self, inputs):
        shape = tuple(inputs.shape[1:])
        images = ops.tile(inputs[:, None], (1, self.classes, 1, 1, 1))
        # A constant: OpenVINO has no op that fills a diagonal.
        one_hot = ops.convert_to_tensor(np.eye(self.classes), inputs.dtype)
        one_hot = ops.broadcast_to(
            one_hot, (ops.shape(inputs)[0], self.classes, self.classes)
        )
        return (
            ops.reshape(images, (-1, *shape)),
            ops.reshape(one_hot, (-1, self.classes)),
        )

    def compute_output_shape(self, input_shape):
        batch = input_shape[0]
        batch = None if batch is None else batch * self.classes
        return (batch, *input_shape[1:]), (batch, self.classes)

    def get_config(self):
        return {**super().get_config(), "classes": self.classes}


@keras.saving.register_keras_serializable(package="zoo")
class UnfoldClasses(keras.layers.Layer):
    """Gives the classes an axis of their own.

    Gradient: exact.
    Randomness: none.

    Args:
        classes: Number of classes.

    Input shape: `(batch * classes, ...)`.
    Output shape: `(batch, classes, ...)`.
    """

    gradient = "exact"
    stochastic = False

    def __init__(self, classes: int, **kwargs):
        super().__init__(**kwargs)
        self.classes = _checked_classes(classes)

    def call(self, inputs):
        return ops.reshape(inputs, (-1, self.classes, *inputs.shape[1:]))

    def compute_output_shape(self, input_shape):
        batch = input_shape[0]
        batch = None if batch is None else batch // self.classes
        return (batch, self.classes, *input_shape[1:])

    def get_config(self):
        return {**super().get_config(), "classes": self.classes}


@keras.saving.register_keras_serializable(package="zoo")
class FoldClasses(keras.layers.Layer):
    """Folds the axis of the classes into the batch: undoes `UnfoldClasses`.

    Gradient: exact.
    Randomness: none.

    Input shape: `(batch, classes, ...)`.
    Output shape: `(batch * classes, ...)`.
    """

    gradient = "exact"
    stochastic = False

    def call(self, inputs):
        return ops.reshape(inputs, (-1, *inputs.shape[2:]))

    def compute_output_shape(self, input_shape):
        batch, classes, *rest = input_shape
        batch = None if batch is None else batch * classes
        return (batch, *rest)


@keras.saving.register_keras_serializable(package="zoo")
class ClassPlanes(keras.layers.Layer):
    """Appends a constant channel for each class: 1 for the wanted, else 0.

    Gradient: exact.
    Randomness: none.

    Input shape: `(batch, height, width, channels)`, and
        `(batch, classes)`, one-hot.
    Output shape: `(batch, height, width, channels + classes)`.
    """

    gradient = "exact"
    stochastic = False

    def call(self, inputs):
        images, one_hot = inputs
        planes = ops.ones_like(images[..., :1]) * one_hot[:, None, None]
        return ops.concatenate([images, planes], axis=-1)

    def compute_output_shape(self, input_shape):
        images, one_hot = input_shape
        return (*images[:-1], images[-1] + one_hot[-1])


@keras.saving.register_keras_serializable(package="zoo")
class Clip(keras.layers.Layer):
    """Clips values to their valid range.

    Gradient: straight through. The clip's own is 0 outside of the range: it
    would hide the network from an attack, and keep training from pulling the
    values back.
    Randomness: none.

    Args:
        low: Least value.
        high: Largest value, above `low`.

    Input shape: Any.
    Output shape: Same as the input.
    """

    gradient = "straight_through"
    stochastic = False

    def __init__(self, low: float = 0.0, high: float = 1.0, **kwargs):
        super().__init__(**kwargs)
        if not low < high:
            raise ValueError(
                f"low must be below high. Received: low={low}, high={high}"
            )
        self.low = low
        self.high = high

    def call(self, inputs):
        return _clip(inputs, self.low, self.high)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "low": self.low, "high": self.high}


@keras.saving.register_keras_serializable(package="zoo")
class RowConv2D(keras.layers.Conv2D):
    """A convolution of large filters over few channels, for fast gradients.

    It computes what `keras.layers.Conv2D` does without padding and strides.
    The pixels that a filter's row covers become channels, over which a filter
    one pixel wide runs. The gradient with respect to three channels then
    takes half the time on a CPU, whose vectors three channels fill badly.

    Gradient: exact.
    Randomness: none.

    Args:
        filters: As of `keras.layers.Conv2D`.
        kernel_size: As of `keras.layers.Conv2D`.
        options: Others of `keras.layers.Conv2D` but for `padding`, `strides`,
            `dilation_rate`, `groups` and `data_format`, which stay
            `"valid"`, 1, 1, 1 and `"channels_last"`.

    Input shape: `(batch, height, width, channels)`.
    Output shape: `(batch, height - rows + 1, width - columns + 1, filters)`.
    """

    gradient = "exact"
    stochastic = False

    def __init__(self, filters: int, kernel_size: int, **options):
        super().__init__(
            filters,
            kernel_size,
            **{"data_format": "channels_last"} | options,
        )
        kept = (self.padding, set(self.strides), set(self.dilation_rate))
        if kept != ("valid", {1}, {1}) or self.groups != 1:
            raise ValueError(
                "RowConv2D has no padding, strides, dilation or groups. "
                f"Received: padding={self.padding!r}, strides={self.strides}, "
                f"dilation_rate={self.dilation_rate}, groups={self.groups}"
            )
        if self.data_format != "channels_last":
            raise ValueError(
                "data_format must be 'channels_last'. "
                f"Received: data_format={self.data_format!r}"
            )

    def convolution_op(self, inputs, kernel):
        rows, columns, channels, filters = kernel.shape
        shifted = [
            inputs[:, :, start : start - columns + 1 or None]
            for start in range(columns)
        ]
        return ops.conv(
            ops.concatenate(shifted, axis=-1),
            ops.reshape(kernel, (rows, 1, columns * channels, filters)),
            padding="valid",
            data_format="channels_last",
        )


@keras.saving.register_keras_serializable(package="zoo")
class MeanSimilarity(keras.layers.Layer):
    """Averages each class's similarity over the patches that it draws on.

    The score of a class is

        sum(similarity * weight) / sum(weight)

    where a patch's weight is the mean of the drawn alpha over it. A class
    that draws nothing has the score 0; the released code divides 0 by 0.

    Gradient: exact.
    Randomness: none.

    Args:
        patch: Pixels along a side of the patches.
        dtype: Dtype policy; float32 unless given, since a score sums over
            thousands of patches.

    Input shape: Similarities `(batch, classes, height - patch + 1,
        width - patch + 1)`, and alpha `(batch, classes, height, width)`,
        both in [0, 1].
    Output shape: `(batch, classes)`, scores in [0, 1].

    Reference: Mind's Eye, section 2.1 and figure 2.
    """

    gradient = "exact"
    stochastic = False

    def __init__(self, patch: int = 10, dtype="float32", **kwargs):
        super().__init__(dtype=dtype, **kwargs)
        if patch < 1:
            raise ValueError(f"patch must be positive. Received: patch={patch}")
        self.patch = patch

    def call(self, inputs):
        similarity, alpha = inputs
        classes, height, width = alpha.shape[1:]
        weights = ops.average_pool(
            ops.reshape(alpha, (-1, height, width, 1)),
            self.patch,
            strides=1,
            padding="valid",
            data_format="channels_last",
        )
        rows, columns = similarity.shape[2:]
        weights = ops.reshape(weights, (-1, classes, rows, columns))
        totals = ops.sum(weights, axis=(2, 3))
        shares = ops.sum(similarity * weights, axis=(2, 3))
        drawn = totals > 0
        return ops.where(drawn, shares / ops.where(drawn, totals, 1.0), 0.0)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape[0][:2])

    def get_config(self):
        return {**super().get_config(), "patch": self.patch}


@keras.saving.register_keras_serializable(package="zoo")
class Threshold(keras.layers.Layer):
    """Turns scores into logits, the last of which is that of no class.

    A logit is the score's log-odds, log(s / (1 - s)), and the last one the
    threshold's. So the largest logit is the paper's verdict: the class of the
    highest score, or none if all scores are below the threshold. Scores
    within 1e-6 of 0 or 1 are taken for these, so that logits are finite; the
    gradient passes straight through that.

    Gradient: exact for scores further than 1e-6 from 0 and 1.
    Randomness: none.

    Args:
        threshold: The paper's capital theta, in (0, 1).
        dtype: Dtype policy; float32 unless given.

    Input shape: `(batch, classes)`, scores in [0, 1].
    Output shape: `(batch, classes + 1)`.

    Reference: Mind's Eye, section 2.1.
    """

    gradient = "exact"
    stochastic = False

    def __init__(self, threshold: float = 0.45, dtype="float32", **kwargs):
        super().__init__(dtype=dtype, **kwargs)
        if not 0 < threshold < 1:
            raise ValueError(
                f"threshold must be in (0, 1). Received: threshold={threshold}"
            )
        self.threshold = threshold

    def call(self, inputs):
        none = ops.full_like(inputs[:, :1], self.threshold)
        scores = ops.concatenate([inputs, none], axis=-1)
        scores = _clip(scores, _SMALLEST, 1 - _SMALLEST)
        return ops.log(scores) - ops.log(1 - scores)  # ONNX has no log1p.

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], input_shape[-1] + 1)

    def get_config(self):
        return {**super().get_config(), "threshold": self.threshold}


def _clip(values, low, high):
    """Clips with the identity's gradient; the result is exactly the clip's."""
    passing = values - ops.stop_gradient(values)
    return ops.stop_gradient(ops.clip(values, low, high)) + passing


def _checked_classes(classes):
    if classes < 1:
        raise ValueError(
            f"classes must be positive. Received: classes={classes}"
        )
    return classes
