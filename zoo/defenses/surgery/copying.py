"""Copies models: the copy shares no layer and no weight."""

import keras

from zoo.inspection import is_graph


def copy_graph(
    graph: keras.Model,
    *,
    any_size: bool = False,
    logits_of: keras.Operation | None = None,
) -> keras.Model:
    """Copies a functional model, its layers and their weights.

    Models inside it are copied in the same way. A layer that two of them use
    is copied twice.

    Args:
        graph: Functional model.
        any_size: Whether the copy takes images of any height and width.
        logits_of: Operation whose activation the copy leaves out, the last.

    Raises:
        ValueError: If a layer cannot be built again from its configuration,
            or `any_size` and it works at one image size alone.
    """
    pairs = []

    def copy(layer):
        if is_graph(layer):
            view = keras.Model(layer.inputs, layer.outputs, name=layer.name)
            return copy_graph(view, any_size=any_size, logits_of=logits_of)
        try:
            copied = _copy_layer(layer, linear=layer is logits_of)
        except (NotImplementedError, TypeError, ValueError) as error:
            raise ValueError(_reason(layer, error)) from error
        if isinstance(layer, keras.Layer):
            pairs.append((layer, copied))
        return copied

    def call(layer, *args, **kwargs):
        if isinstance(layer, keras.layers.Identity):
            return layer(args[0])  # Softmax takes a mask, too.
        try:
            return layer(*args, **kwargs)
        except (RuntimeError, TypeError, ValueError) as error:
            raise ValueError(
                _reason(layer, error, any_size=any_size)
            ) from error

    def new_input(tensor):
        shape = list(tensor.shape)
        if any_size and len(shape) == 4:
            shape[1:3] = None, None
        return keras.Input(
            batch_shape=shape, dtype=tensor.dtype, name=tensor.name
        )

    copied = keras.models.clone_model(
        graph,
        input_tensors=keras.tree.map_structure(new_input, graph.input),
        clone_function=copy,
        call_function=call,
    )
    for layer, its_copy in pairs:
        try:
            its_copy.set_weights(layer.get_weights())
        except ValueError as error:
            raise ValueError(
                _reason(layer, error, any_size=any_size)
            ) from error
        # Normalization computes with values that it derives from its weights.
        if hasattr(its_copy, "finalize_state"):
            its_copy.finalize_state()
    return copied


def _copy_layer(layer: keras.Operation, *, linear: bool) -> keras.Operation:
    if linear and not hasattr(layer, "activation"):  # Softmax itself.
        return keras.layers.Identity(name=layer.name, dtype=layer.output.dtype)
    config = layer.get_config()
    if linear:
        config["activation"] = "linear"
    return type(layer).from_config(config)


def _reason(
    layer: keras.Operation, error: Exception, *, any_size: bool = False
) -> str:
    rule = "be one that Keras can build again from its configuration"
    if any_size:
        rule = "take maps of any size if it is before the pooling"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (
        f"Each layer must {rule}. Received: layer {layer.name} of "
        f"{type(layer).__name__}, which fails with: "
        f"{lines[0] if lines else type(error).__name__}"
    )
