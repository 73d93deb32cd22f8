"""Models that give predictions alone."""

import keras

from zoo.all_layers import all_layers


def is_black_box(model: keras.layers.Layer) -> bool:
    """Returns whether a model has no gradient to give.

    One of its layers then says so by a true `black_box`, as that which runs
    a SavedModel does.
    """
    return any(
        getattr(layer, "black_box", False) for layer in all_layers(model)
    )
