"""Whether two models are the same but for their precision."""

import contextlib
from typing import Any

import keras
import numpy as np

from zoo.inspection import all_layers

_MAY_DIFFER = ("dtype", "gradient", "seed", "trainable")
"""Options that don't change what a layer computes."""


def is_same_model(model: keras.Model, other: keras.Model) -> bool:
    """Returns whether two models have the same layers and weights.

    Their precisions may differ: weights are the same if those of `model`,
    cast to the precision of `other`, are equal. The gradients of their layers
    may differ too, since an attack on a defense replaces them. How the layers
    are connected isn't compared.
    """
    return other is model or (
        _layers(model) == _layers(other)
        and len(model.weights) == len(other.weights)
        and all(map(_equal, model.weights, other.weights))
    )


def _layers(model):
    return [
        (
            type(layer),
            {
                option: value
                for option, value in layer_options(layer).items()
                if option not in _MAY_DIFFER
            },
        )
        for layer in all_layers(model)
    ]


def _equal(weight, other):
    weight, other = map(keras.ops.convert_to_numpy, (weight, other))
    return weight.shape == other.shape and np.array_equal(
        weight.astype(other.dtype).astype("float32"),
        other.astype("float32"),
        equal_nan=True,
    )


def layer_options(layer: keras.layers.Layer) -> dict[str, Any]:
    """Returns the plain values of a layer's configuration, without its name.

    For a model it is empty: its configuration is that of its layers.
    """
    config = {}
    if not isinstance(layer, keras.Model):
        # Some layers are subclassed without a configuration.
        with contextlib.suppress(NotImplementedError):
            config = layer.get_config()
    return {k: v for k, v in config.items() if k != "name" and _plain(v)}


def _plain(value):
    if isinstance(value, (list, tuple)):
        return all(map(_plain, value))
    return value is None or isinstance(value, (bool, int, float, str))
