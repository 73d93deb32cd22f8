"""The model as seen by an attacker who knows the defense."""

import contextlib
from collections.abc import Iterator

import keras

from zoo.inspection import hidden_gradients


def adaptive_view(model: keras.Model) -> keras.layers.Layer:
    """Returns the model with a gradient through every layer that hides it.

    Backward pass differentiable approximation (BPDA): layers whose
    `gradient` is `"none"` predict as always, but are differentiated as if it
    were `"straight_through"`. The view shares weights and randomness with the
    model, which stays as it is. Without such a layer, the view is the model.

    Reference: [Athalye et al., 2018](https://arxiv.org/abs/1802.00420),
    section 4.1.
    """
    return _AdaptiveView(model) if hidden_gradients(model) else model


class _AdaptiveView(keras.layers.Layer):
    def __init__(self, model: keras.Model):
        super().__init__(name=f"adaptive_{model.name}", dtype="float32")
        self.model = model

    def call(self, images, training=None):
        # Traced once by an attack; layers read `gradient` while tracing.
        with _straight_through(self.model):
            return self.model(images, training=training)


@contextlib.contextmanager
def _straight_through(model: keras.Model) -> Iterator[None]:
    layers = [
        layer
        for layer in hidden_gradients(model)
        # A property tells the gradient of a layer that this one owns.
        if not isinstance(getattr(type(layer), "gradient", None), property)
    ]
    for layer in layers:
        layer.gradient = "straight_through"
    try:
        yield
    finally:
        for layer in layers:
            layer.gradient = "none"
