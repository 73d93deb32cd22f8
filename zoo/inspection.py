"""What may be asked of any Keras model; each question is answered here once.

Layers answer by attributes, at any depth: a true `stochastic` (it draws random
numbers when it predicts), a true `black_box` (it has no gradient to give), or
a `gradient` of `"none"` (it hides the one it has).
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras
    import numpy as np

_TOLERANCE = 1e-2
"""Wide enough for half precision: bfloat16 rows were seen to sum to 0.9983."""


def all_layers(model: "keras.Model") -> "list[keras.layers.Layer]":
    """Returns a model and its layers at any depth, each of them once.

    Those that a layer owns are among them; `model.layers` stops at the top.
    """
    return list(model._flatten_layers())


def is_stochastic(model: "keras.Model") -> bool:
    """Returns whether predictions of the model are random."""
    return any(
        getattr(layer, "stochastic", False) for layer in all_layers(model)
    )


def is_black_box(model: "keras.Model") -> bool:
    """Returns whether the model has no gradient to give, like a SavedModel."""
    return any(
        getattr(layer, "black_box", False) for layer in all_layers(model)
    )


def hidden_gradients(model: "keras.Model") -> "list[keras.layers.Layer]":
    """Returns the layers, at any depth, whose `gradient` is `"none"`."""
    return [
        layer
        for layer in all_layers(model)
        if getattr(layer, "gradient", None) == "none"
    ]


def input_shape(model: "keras.Model") -> tuple[int | None, ...] | None:
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


def check_float_input(model: "keras.Model") -> None:
    """Refuses a model whose input is of an integer type.

    Keras casts pixels in [0, 1] to that type, which makes images black. A
    model that doesn't say its input, such as a subclassed one, passes.

    Raises:
        ValueError: If the input, or that of a first layer which is itself a
            model, is of an integer type.
    """
    import keras  # `zoo list` does without.

    for tensor in getattr(model, "inputs", None) or ():
        dtype = keras.backend.standardize_dtype(tensor.dtype)
        if "float" not in dtype:
            raise ValueError(
                "The model must take floating-point pixels in [0, 1], which an "
                "input of integers truncates to black: build it on "
                "keras.Input(shape), and scale pixels inside by Rescaling. "
                f"Received: {model.name} with an input of {dtype}"
            )
    first = [
        layer
        for layer in getattr(model, "layers", ())
        if not isinstance(layer, keras.layers.InputLayer)
    ][:1]
    if first and isinstance(first[0], keras.Model):
        check_float_input(first[0])


def are_probabilities(outputs: "np.ndarray") -> bool:
    """Returns whether all values are in [0, 1] and each row sums to one.

    Args:
        outputs: `(batch, classes)`, of any floating-point type.
    """
    import numpy as np  # `zoo list` does without.

    outputs = np.asarray(outputs, "float64")
    inside = (outputs >= 0) & (outputs <= 1)
    sums = np.abs(outputs.sum(axis=-1) - 1) < _TOLERANCE
    return bool(inside.all() and sums.all())
