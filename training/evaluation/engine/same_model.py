"""Whether two models are one."""

import contextlib
from typing import Any

import keras
import numpy as np

from zoo.inspection import all_layers

_OPEN = ("dtype", "gradient", "seed", "trainable")
"""Options in which twins may differ: none changes what a layer computes."""


def is_twin(model: keras.Model, other: keras.Model) -> bool:
    """Whether models have the same layers and the same weights.

    Their precisions may differ: weights are equal if those of `model`, cast
    to the precision of `other`, are. So may the gradients of their layers,
    which is what an attack on a defense puts in its place. How the layers
    are connected isn't looked at.
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
            {k: v for k, v in layer_options(layer).items() if k not in _OPEN},
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

    A model's is that of its layers, and is left out.
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
