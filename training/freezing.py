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

    A frozen batch normalisation keeps its averages and uses them. Layers and
    single weights that were frozen before are so inside and afterwards.
    Compile inside the block, for Keras counts what is trainable then.

    Args:
        model: Built model.
        layers: What goes on learning, with the layers inside it, as far as it
            could before.
    """
    # Layers that hold layers keep their flag, which would be the head's, too.
    leaves = [
        layer for layer in all_layers(model) if len(all_layers(layer)) == 1
    ]
    learning = {
        id(part)
        for layer in layers
        for part in (*all_layers(layer), *layer.variables)
    }
    # A layer's flag sets those of its weights, so these come after it.
    parts = [*leaves, *model.variables]
    before = [(part, part.trainable) for part in parts]
    try:
        for part in parts:
            if id(part) not in learning:
                part.trainable = False
        yield
    finally:
        for part, trainable in before:
            part.trainable = trainable
