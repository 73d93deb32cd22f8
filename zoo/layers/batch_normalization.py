"""Batch normalisation on TensorFlow's fused kernel."""

import keras
from keras import ops

_DTYPES = ("bfloat16", "float16", "float32")


@keras.saving.register_keras_serializable(package="zoo")
class BatchNormalization(keras.layers.BatchNormalization):
    """Keras' batch normalisation, computed by TensorFlow's fused kernel.

    Replaces `keras.layers.BatchNormalization`: same arguments, same weight
    files, same numbers up to rounding. On four-dimensional, channels-last
    images, training and inference in half precision use `fused_batch_norm`,
    which reads half precision and computes in float32. Inference in float32
    is one multiplication and one addition. Keras computes everything else:
    other backends, ranks, axes and types, masks, renormalisation, and
    synchronised statistics.

    The moving variance accumulates the biased batch variance, as in Keras.
    Under `tf.distribute`, each replica normalises by its own part of the
    batch unless `synchronized`. The replicas' moving averages, which drift
    apart in Keras, are averaged at every step.

    Input shape: `(batch, height, width, channels)`, or any shape that
    Keras' layer takes.
    Output shape: Same as the input.

    Reference: [Ioffe & Szegedy, 2015](https://arxiv.org/abs/1502.03167)
    """

    def add_weight(self, *args, trainable=True, **options):
        if not trainable:
            options["aggregation"] = "mean"
        return super().add_weight(*args, trainable=trainable, **options)

    def call(self, inputs, training=None, mask=None):
        if mask is not None or not self._fusible(inputs):
            return super().call(inputs, training=training, mask=mask)
        if training and self.trainable:
            return self._normalise_by_batch(inputs)
        return self._normalise_by_moving_average(inputs)

    def _fusible(self, inputs) -> bool:
        return (
            keras.backend.backend() == "tensorflow"
            and len(inputs.shape) == 4
            and self.axis in (-1, 3)
            and keras.backend.standardize_dtype(inputs.dtype) in _DTYPES
            and not self.synchronized
            and not self.renorm
            and self.scale
            and self.center
        )

    def _normalise_by_batch(self, inputs):
        import tensorflow as tf

        outputs, mean, variance = self._fused(inputs, is_training=True)
        count = tf.cast(tf.size(inputs) / tf.shape(inputs)[-1], "float32")
        variance = variance * ((count - 1.0) / count)
        for average, statistic in (
            (self.moving_mean, mean),
            (self.moving_variance, variance),
        ):
            moved = average * self.momentum + ops.cast(
                statistic, average.dtype
            ) * (1.0 - self.momentum)
            # A replica may have no image of the last batch, and no statistic.
            average.assign(ops.where(count > 0, moved, average))
        return outputs

    def _normalise_by_moving_average(self, inputs):
        mean = ops.cast(self.moving_mean, "float32")
        variance = ops.cast(self.moving_variance, "float32")
        if keras.backend.standardize_dtype(inputs.dtype) != "float32":
            outputs, _, _ = self._fused(
                inputs, mean=mean, variance=variance, is_training=False
            )
            return outputs
        # As fast as the kernel, and its gradient is faster.
        scale = ops.cast(self.gamma, "float32") * ops.rsqrt(
            variance + self.epsilon
        )
        offset = ops.cast(self.beta, "float32") - mean * scale
        return ops.cast(inputs * scale + offset, self.compute_dtype)

    def _fused(self, inputs, **options):
        import tensorflow as tf

        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            inputs,
            ops.cast(self.gamma, "float32"),
            ops.cast(self.beta, "float32"),
            epsilon=self.epsilon,
            **options,
        )
        return ops.cast(outputs, self.compute_dtype), mean, variance
