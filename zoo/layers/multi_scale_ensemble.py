"""One classifier read at several scales."""

import copy
import math

import keras
from keras import ops

from zoo.layers.antialiased_resizing import AntialiasedResizing

_LOWEST = -1e30
"""Stands for the logarithm of zero, at which a sum's gradient is NaN."""


@keras.saving.register_keras_serializable(package="zoo")
class MultiScaleEnsemble(keras.layers.Layer):
    """Averages one classifier's confidences over several image scales.

    Each image is resized to every scale and classified by the same network.
    Equation 1 of the paper adds up the weighted softmax confidences, with
    `f_i` the network's logits at scale `i`:

        f(x) = sum_i lambda_i softmax(f_i(x_i))

    The layer returns `log(f(x) / sum_i lambda_i)`: log-probabilities, that
    is, logits whose softmax is the normalised ensemble. Their loss and
    gradient are those of the ensemble itself. A class that the network masks
    with a logit of minus infinity gets -1e30, and no gradient.

    Gradient: exact.
    Randomness: the classifier's.

    Args:
        classifier: `keras.Model` from images of any scale to logits, such as
            `zoo.models.wide_resnet(..., image_shape=(None, None, 3))`.
        scales: Side lengths in pixels.
        scale_weights: Lambda, one positive number a scale.

    Raises:
        ValueError: If a scale is not a positive whole number, a weight is
            not positive and finite, or their numbers differ.

    Input shape: `(batch, height, width, channels)`, pixels in [0, 1]. Under a
        mixed policy the layer resizes them in float32, and the classifier
        casts them.
    Output shape: `(batch, classes)`, float32.

    Reference: IRM, section II.B.
    """

    gradient = "exact"
    stochastic = False

    def __init__(
        self,
        classifier: keras.Model,
        scales: tuple[int, ...] = (32, 64, 128),
        scale_weights: tuple[float, ...] = (1.0, 0.01, 0.001),
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)
        if not scales or len(scales) != len(scale_weights):
            raise ValueError(
                "scales and scale_weights must be of equal length, at least "
                f"one. Received: scales={scales}, scale_weights={scale_weights}"
            )
        if not all(0 < weight < math.inf for weight in scale_weights):
            raise ValueError(
                "scale_weights must be positive and finite. "
                f"Received: scale_weights={scale_weights}"
            )
        self.classifier = classifier
        self.scale_weights = tuple(float(weight) for weight in scale_weights)
        self._resizings = [
            AntialiasedResizing(scale, scale, dtype=self.variable_dtype)
            for scale in scales
        ]
        self.scales = tuple(resizing.height for resizing in self._resizings)

    def build(self, input_shape):
        for resizing in self._resizings:
            resizing.build(input_shape)
        if not self.classifier.built:
            self.classifier.build((input_shape[0], None, None, input_shape[3]))
        self.built = True

    def scale_logits(self, images, training=None):
        """Returns the classifier's logits, `(batch, scales, classes)`."""
        logits = [
            self.classifier(resizing(images), training=training)
            for resizing in self._resizings
        ]
        return ops.cast(ops.stack(logits, axis=1), "float32")

    def call(self, inputs, training=None):
        log_confidences = ops.log_softmax(
            self.scale_logits(inputs, training=training), axis=-1
        )
        log_confidences = ops.maximum(log_confidences, _LOWEST)
        weights = ops.convert_to_tensor(self.scale_weights, "float32")
        log_weights = ops.log(weights / ops.sum(weights))
        return ops.logsumexp(log_confidences + log_weights[:, None], axis=1)

    def compute_output_spec(self, inputs, training=None):
        classes = self.classifier.output_shape[-1]
        return keras.KerasTensor((inputs.shape[0], classes), dtype="float32")

    def get_config(self):
        return {
            **super().get_config(),
            "classifier": keras.saving.serialize_keras_object(self.classifier),
            "scales": self.scales,
            "scale_weights": self.scale_weights,
        }

    @classmethod
    def from_config(cls, config):
        config = copy.deepcopy(config)  # Keras empties models' own, too.
        classifier = keras.saving.deserialize_keras_object(
            config.pop("classifier")
        )
        return cls(classifier, **config)
