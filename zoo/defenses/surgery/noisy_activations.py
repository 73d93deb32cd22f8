"""Puts noise on every activation that a layer of a graph reads."""

import keras

from zoo.inspection import is_graph
from zoo.layers.activation_noise import ActivationNoise
from zoo.layers.activation_noise import RepeatedBatch


def add_noise(
    graph: keras.Model,
    *,
    scale: float,
    distribution: str,
    draws: int,
    seed: int | None,
) -> keras.Model:
    """Puts noise on a network's activations, for many draws in one batch.

    An activation is what a convolution or dense layer reads, except for the
    first ones, which read the images. All that read an activation read the
    same noise. Layers before the first noise run once an image, all others
    once a draw.

    Args:
        graph: Functional model of one batch of images. Models inside it are
            taken apart.
        scale: As for `zoo.layers.ActivationNoise`, as are `distribution` and
            `draws`.
        seed: Seed of the first noise; the n-th has `seed + n`. `None` draws
            all seeds from Python's global `random`.

    Returns:
        A functional model of the same layers, shared with `graph`, whose
        outputs hold each image `draws` times, all of the first draw first.

    Raises:
        ValueError: If no layer reads activations, or an option is out of its
            range.
    """
    graph = flattened(graph)
    noisy_calls = _calls_to_noise(graph)
    if not noisy_calls:
        raise ValueError(
            "Noise needs an activation: two layers with weights, one behind "
            f"the other. Received: {graph.name}, which has none"
        )
    calls = []
    repeated = {}  # Holds the tensors, too, so that no id is used again.

    def repeat(tensor):
        if not isinstance(tensor, keras.KerasTensor) or id(tensor) in repeated:
            return tensor
        copies = RepeatedBatch(draws)(tensor)
        repeated[id(copies)] = copies
        return copies

    def call(operation, *args, **kwargs):
        index = len(calls)
        calls.append(operation)
        given = keras.tree.flatten((args, kwargs))
        joins = any(id(value) in repeated for value in given)
        if joins:
            args, kwargs = keras.tree.map_structure(repeat, (args, kwargs))
        outputs = operation(*args, **kwargs)
        if index in noisy_calls:
            noise = ActivationNoise(
                scale,
                distribution,
                draws,
                repeat=not joins,
                seed=None if seed is None else seed + noisy_calls.index(index),
                name=f"noise_{noisy_calls.index(index)}",
                dtype=getattr(operation, "dtype_policy", None),
            )
            outputs = noise(outputs)
            joins = True
        if joins:
            for tensor in keras.tree.flatten(outputs):
                repeated[id(tensor)] = tensor
        return outputs

    return _called(graph, call)


def flattened(graph: keras.Model) -> keras.Model:
    """Returns a graph of the same layers without models inside."""

    def call(operation, *args, **kwargs):
        if is_graph(operation):
            return operation.call(*args, **kwargs)
        return operation(*args, **kwargs)

    while any(map(is_graph, graph.layers)):
        graph = _called(graph, call)
    return graph


def _calls_to_noise(graph) -> list[int]:
    """Returns which calls of a graph, in its order, give activations."""
    tensors, learned, maker, found = [], set(), {}, set()
    calls = []

    def call(operation, *args, **kwargs):
        given = [
            value
            for value in keras.tree.flatten((args, kwargs))
            if isinstance(value, keras.KerasTensor)
        ]
        outputs = operation(*args, **kwargs)
        after_learned = any(id(tensor) in learned for tensor in given)
        if _has_kernel(operation):
            found.update(
                maker[id(tensor)] for tensor in given if id(tensor) in learned
            )
            after_learned = True
        for tensor in keras.tree.flatten(outputs):
            tensors.append(tensor)
            maker[id(tensor)] = len(calls)
            if after_learned:
                learned.add(id(tensor))
        calls.append(operation)
        return outputs

    _called(graph, call)
    return sorted(found)


def _called(graph, call):
    """Runs a graph's layers anew, each by `call`."""
    return keras.models.clone_model(
        graph,
        clone_function=lambda operation: operation,
        call_function=call,
    )


def _has_kernel(operation) -> bool:
    if isinstance(operation, keras.layers.Normalization):
        return False
    weights = getattr(operation, "weights", ())
    return any(len(weight.shape) > 1 for weight in weights)
