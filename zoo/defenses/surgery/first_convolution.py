"""Puts a layer behind the first convolution of a model."""

from collections.abc import Callable

import keras

from zoo.inspection import is_graph

_CONVOLUTIONS = (
    keras.layers.Conv2D,
    keras.layers.DepthwiseConv2D,
    keras.layers.SeparableConv2D,
)


def follow_first_convolution(
    graph: keras.Model,
    make_layer: Callable[[keras.layers.Layer], keras.layers.Layer | None],
) -> keras.Model:
    """Puts a layer behind a model's first 2-D convolution.

    It is the first in the order of the graph, models inside included. The
    new layer follows the convolution and its own activation, and comes before
    an activation or normalisation in another layer.

    Args:
        graph: Functional model of images, channels last.
        make_layer: Takes the convolution and returns the layer, or `None` for
            no layer. It may change the convolution.

    Returns:
        A functional model of the same layers, shared with `graph`.

    Raises:
        ValueError: If there is no convolution, or its channels come first.
    """
    filtered = _filtered(graph, make_layer)
    if filtered is None:
        raise ValueError(
            "The model must have a two-dimensional convolution. "
            f"Received: {graph.name}, which has none"
        )
    return filtered


def _filtered(graph, make_layer):
    """Returns the filtered model; `None` if there is no convolution."""
    for operation in graph.layers:
        if isinstance(operation, _CONVOLUTIONS):
            if operation.data_format != "channels_last":
                raise ValueError(
                    "The first convolution must have its channels last. "
                    f"Received: {operation.name} with data_format="
                    f"{operation.data_format!r}"
                )
            layer = make_layer(operation)
            if layer is None:
                return graph
            return _rebuilt(graph, follow={operation: layer})
        if is_graph(operation):
            inner = _filtered(_view(operation), make_layer)
            if inner is not None:
                return _rebuilt(graph, replace={operation: inner})
    return None


def _view(model):
    """Returns a functional model of another model's inputs and outputs."""
    ends = [
        tensors[0] if len(tensors) == 1 else tensors
        for tensors in (model.inputs, model.outputs)
    ]
    return keras.Model(*ends, name=model.name)


def _rebuilt(graph, *, follow=None, replace=None):
    """Builds a graph again, with a layer added behind or in place of one."""
    follow, replace = follow or {}, replace or {}

    def call(operation, *args, **kwargs):
        outputs = operation(*args, **kwargs)
        if operation in follow:
            return follow[operation](outputs)
        return outputs

    return keras.models.clone_model(
        graph,
        clone_function=lambda operation: replace.get(operation, operation),
        call_function=call,
    )
