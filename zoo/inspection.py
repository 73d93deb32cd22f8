"""Questions about any Keras model, each answered here and nowhere else.

Layers answer by attributes, at any depth: a true `stochastic` (the layer draws
random numbers when it predicts), a true `black_box` (it has no gradient), or a
`gradient` of `"none"` (it has one and hides it).
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras
    import numpy as np

HEAD = "logits"
"""Name of the classifying layer in the zoo's models."""

_TOLERANCE = 1e-2
"""Wide enough for half precision: bfloat16 rows were seen to sum to 0.9983."""


def all_layers(model: "keras.Model") -> "list[keras.layers.Layer]":
    """Returns a model and its layers at any depth, each once.

    `model.layers` stops at the top; this includes the layers inside a layer.
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
    """Returns `(batch, height, width, channels)`, or `None` if not declared.

    A subclassed model declares no shape, nor does one that isn't built.

    Raises:
        ValueError: If the model takes anything but one batch of images.
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


def built_shape(model: "keras.Model") -> tuple[int | None, ...] | None:
    """Returns the images' shape that a model was built for, if it was.

    A subclassed model may take images of other shapes, too.

    Returns:
        `(None, height, width, channels)`; `None` if the model isn't built, or
        was for anything but one batch of images.
    """
    config = model.get_build_config() or {}
    shape = config.get("input_shape")
    if not isinstance(shape, tuple | list) or len(shape) != 4:
        return None
    return (None, *shape[1:])


def check_float_input(model: "keras.Model") -> None:
    """Raises an error if a model would cut pixels in [0, 1] to integers.

    Keras casts what a model is called on to the type that the model's
    `keras.Input` declares, without a warning. Models inside are checked too.

    Raises:
        ValueError: If the model, or one inside it that takes floating-point
            values, declares an integer or boolean input.
    """
    import keras  # `zoo list` does without.

    def is_float(tensor):
        return keras.backend.is_float_dtype(tensor.dtype)

    for layer in all_layers(model):
        declared = getattr(layer, "inputs", None) or []
        wrong = [tensor for tensor in declared if not is_float(tensor)]
        if layer is not model:
            given = [t for n in layer._inbound_nodes for t in n.input_tensors]
            wrong = wrong if any(map(is_float, given)) else []
        if wrong:
            raise ValueError(
                "A model must take floating-point images, pixels in [0, 1]; "
                "an integer input cuts them to 0, black. Declare a float32 "
                "`keras.Input` and leave `Rescaling(1/255)` out. Received: "
                f"{layer.name} with input type {wrong[0].dtype}"
            )


def find_head(model: "keras.Model") -> "keras.Layer":
    """Returns the classifying layer, the one named `logits` at any depth.

    Raises:
        ValueError: If there is none, or there are several.
    """
    heads = [layer for layer in all_layers(model) if layer.name == HEAD]
    if len(heads) != 1:
        raise ValueError(
            f"A new head needs exactly one layer named `{HEAD}` in the "
            f"model. Received: {len(heads)} in `{model.name}`"
        )
    return heads[0]


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
