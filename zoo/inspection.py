"""Questions about any Keras model, each answered here and nowhere else.

Layers answer by attributes, at any depth: a true `stochastic` (the layer draws
random numbers when it predicts), a true `black_box` (it has no gradient), or a
`gradient` of `"none"` (it has one and hides it).
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras
    import numpy as np

MOST_PIXELS = 2**24
"""Pixels of the largest image that a model is tried on."""

HEAD = "logits"
"""Name of the classifying layer in the zoo's models."""

_HANDING_ON = (
    "ActivityRegularization",
    "AlphaDropout",
    "Cast",
    "Dropout",
    "Flatten",
    "GaussianDropout",
    "GaussianNoise",
    "Identity",
    "Reshape",
    "Squeeze",
)
"""Layers and operations that leave values as they are in inference."""

_TOLERANCE = 1e-2
"""Wide enough for half precision: bfloat16 rows were seen to sum to 0.9983."""


def all_layers(model: "keras.Model") -> "list[keras.layers.Layer]":
    """Returns a model and its layers at any depth, each once.

    `model.layers` stops at the top; this includes the layers inside a layer.
    """
    return list(model._flatten_layers())


def is_stochastic(model: "keras.Model") -> bool:
    """Returns whether predictions of the model are random."""
    return bool(stochastic_layers(model))


def stochastic_layers(model: "keras.Model") -> "list[keras.layers.Layer]":
    """Returns the layers, at any depth, that draw when they predict."""
    return [
        layer
        for layer in all_layers(model)
        if getattr(layer, "stochastic", False)
    ]


def explanation(model: "keras.Model") -> "keras.Model | None":
    """Returns a model from the images to what explains the verdict.

    Its outputs are what the `zoo.layers.Explained` layers of the model's own
    graph pass, a dictionary by their names. The layers are shared, so one that
    draws at random draws anew.

    Returns:
        A functional model; `None` if nothing is marked.

    Raises:
        ValueError: If two layers mark tensors by one name.
    """
    import keras  # `zoo list` does without.

    marked = {}
    for layer in getattr(model, "layers", ()):
        name = getattr(layer, "explains", None)
        if name is None:
            continue
        if name in marked:
            raise ValueError(
                "Each part of an explanation needs a name of its own. "
                f"Received: {model.name} with two named {name!r}"
            )
        marked[name] = layer.output
    if not marked:
        return None
    return keras.Model(model.inputs[0], marked, name=f"{model.name}_explained")


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


def class_count(model: "keras.Model") -> int | None:
    """Returns the number of classes; `None` if the model doesn't say.

    It says so by one output of shape `(batch, classes)`. A subclassed model
    says nothing, nor does one that isn't built or has several outputs.
    """
    try:
        shape = model.output_shape
    except (AttributeError, ValueError):
        return None
    one = isinstance(shape, tuple) and len(shape) == 2
    return shape[1] if one and isinstance(shape[1], int) else None


def is_graph(layer: "keras.Operation") -> bool:
    """Returns whether a layer is a model that runs the graph it holds."""
    import keras  # `zoo list` does without.

    if not isinstance(layer, keras.Model):
        return False
    if not getattr(layer, "inputs", None):
        return False
    functional = type(keras.Model(layer.inputs, layer.outputs))
    return type(layer).call in (functional.call, keras.Sequential.call)


def producer(tensor: "keras.KerasTensor") -> "tuple[keras.Operation, list]":
    """Returns the operation that a tensor comes from, and its inputs."""
    operation, node, _ = tensor._keras_history
    return operation, operation._inbound_nodes[node].input_tensors


def last_computing(tensor: "keras.KerasTensor") -> "keras.Operation":
    """Returns the operation or layer that computes a tensor's values.

    Steps back over what leaves them as they are in inference, such as
    `Reshape` and `Dropout`, and into models inside.
    """
    import keras  # `zoo list` does without.

    operation, inputs = producer(tensor)
    if is_graph(operation):
        inner = last_computing(operation.outputs[0])
        if not isinstance(inner, keras.layers.InputLayer):
            return inner
    elif not inputs or not _hands_on(operation):
        return operation
    return last_computing(inputs[0])


def is_softmax(operation: "keras.Operation") -> bool:
    """Returns whether an operation or layer ends in a softmax."""
    return _applies(operation, "softmax")


def probability_layer(model: "keras.Model") -> "keras.Operation | None":
    """Returns the softmax or sigmoid that a model ends in, or `None`.

    A model whose `call` is its own, or that isn't built, is judged by the
    layer that it made last.
    """
    import keras  # `zoo list` does without.

    last = model
    while isinstance(last, keras.Model) and not is_graph(last) and last.layers:
        last = last.layers[-1]
    ends = map(last_computing, last.outputs) if is_graph(last) else [last]
    for end in ends:
        if is_softmax(end) or _applies(end, "sigmoid"):
            return end
    return None


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


def _hands_on(operation) -> bool:
    import keras  # `zoo list` does without.

    if isinstance(operation, keras.layers.Activation):
        return operation.activation is keras.activations.linear
    return type(operation).__name__ in _HANDING_ON


def _applies(operation, function: str) -> bool:
    """Returns whether it is the function, or has it for its activation."""
    import keras  # `zoo list` does without.

    if type(operation).__name__ == function.capitalize():
        return True
    activation = getattr(operation, "activation", None)
    return activation is getattr(keras.activations, function)
