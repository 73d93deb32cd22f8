"""A model's layers at any depth."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras
import keras
import numpy as np


def all_layers(model: "keras.Model") -> "list[keras.layers.Layer]":
    """Returns a model and its layers at any depth, each of them once.

    Those that a layer owns are among them; `model.layers` stops at the top.
    """
    return list(model._flatten_layers())


_TOLERANCE = 1e-2
"""Wide enough for half precision: bfloat16 rows were seen to sum to 0.9983."""


def are_confidences(outputs: np.ndarray) -> bool:
    """Returns whether all values are in [0, 1] and each row sums to one.

    Args:
        outputs: `(batch, classes)`, of any floating-point type.
    """
    outputs = np.asarray(outputs, "float64")
    inside = (outputs >= 0) & (outputs <= 1)
    sums = np.abs(outputs.sum(axis=-1) - 1) < _TOLERANCE
    return bool(inside.all() and sums.all())


def is_black_box(model: keras.layers.Layer) -> bool:
    """Returns whether a model has no gradient to give.

    One of its layers then says so by a true `black_box`, as that which runs
    a SavedModel does.
    """
    return any(
        getattr(layer, "black_box", False) for layer in all_layers(model)
    )


def input_shape(model: keras.Model) -> tuple[int | None, ...] | None:
    """Returns `(batch, height, width, channels)`; `None` if it isn't said.

    A subclassed model, or one that isn't built yet, doesn't say.

    Raises:
        ValueError: If the model takes other than one batch of images.
    """
    try:
        shape = model.input_shape
    except (AttributeError, ValueError):
        return None
    if not isinstance(shape, tuple) or len(shape) != 4:
        raise ValueError(
            "The model must take one batch of images, (batch, height, width, "
            f"channels). Received: {model.name} with input shape {shape}"
        )
    return shape
