"""The model as an attacker sees it who knows the defense."""

import contextlib
from collections.abc import Iterator

import keras

from zoo.inspection import hidden_gradients


def adaptive_view(model: keras.Model) -> keras.layers.Layer:
    """Returns the model with a gradient through every layer that hides it.

    Backward pass differentiable approximation: layers whose `gradient` is
    `"none"` compute what they always do, and are differentiated as if theirs
    were `"straight_through"`. The view shares weights and randomness with the
    model, which stays as it is; without such a layer, it is the model.

    Reference: [Athalye et al., 2018](https://arxiv.org/abs/1802.00420),
    section 4.1.
    """
    return _AdaptiveView(model) if hidden_gradients(model) else model


class _AdaptiveView(keras.layers.Layer):
    def __init__(self, model: keras.Model):
        super().__init__(name=f"adaptive_{model.name}", dtype="float32")
        self.model = model

    def call(self, images, training=None):
        # An attack traces this once; the layers are read while it does.
        with _straight_through(self.model):
            return self.model(images, training=training)


@contextlib.contextmanager
def _straight_through(model: keras.Model) -> Iterator[None]:
    layers = [
        layer
        for layer in hidden_gradients(model)
        # A layer that hands on the gradient of one it owns has no say in it.
        if not isinstance(getattr(type(layer), "gradient", None), property)
    ]
    for layer in layers:
        layer.gradient = "straight_through"
    try:
        yield
    finally:
        for layer in layers:
            layer.gradient = "none"
