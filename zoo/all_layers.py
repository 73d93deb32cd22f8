"""A model's layers at any depth."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


def all_layers(model: "keras.Model") -> "list[keras.layers.Layer]":
    """Returns a model and its layers at any depth, each of them once.

    Those that a layer owns are among them; `model.layers` stops at the top.
    """
    return list(model._flatten_layers())
