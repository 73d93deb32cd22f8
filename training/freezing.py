"""Parts of a model that keep still while others are trained."""

import contextlib
from collections.abc import Collection
from collections.abc import Iterator

import keras

from zoo.all_layers import all_layers


@contextlib.contextmanager
def frozen_but(
    model: keras.Model, layers: Collection[keras.Layer]
) -> Iterator[None]:
    """Freezes all of a model's layers but some, then restores them.

    A frozen batch normalisation keeps its averages and uses them. Compile
    inside the block, for Keras counts what is trainable then.

    Args:
        model: Built model.
        layers: What goes on learning, as far as it could before.
    """
    # Containers stay as they are: a frozen one would freeze the head, too.
    leaves = [
        layer for layer in all_layers(model) if len(all_layers(layer)) == 1
    ]
    kept = {id(layer) for layer in layers}
    before = [(layer, layer.trainable) for layer in leaves]
    try:
        for layer in leaves:
            if id(layer) not in kept:
                layer.trainable = False
        yield
    finally:
        for layer, trainable in before:
            layer.trainable = trainable
