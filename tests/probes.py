"""Layers that tell what an attack does to a model, or disturb it."""

import keras


class Meter(keras.layers.Layer):
    """The identity; counts the images that pass."""

    def build(self, input_shape):
        self.passed = self.add_weight(
            shape=(), initializer="zeros", trainable=False
        )

    def call(self, images):
        size = keras.ops.cast(keras.ops.shape(images)[0], "float32")
        self.passed.assign_add(size)
        return images


class Jitter(keras.layers.Layer):
    """Adds noise to the whole batch, anew in every call."""

    def __init__(self, scale):
        super().__init__()
        self.scale = scale
        self.generator = keras.random.SeedGenerator(0)

    def call(self, images):
        noise = keras.random.normal(images.shape[1:], seed=self.generator)
        return images + self.scale * noise
