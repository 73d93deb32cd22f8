"""What a layer was built with."""

import contextlib
from typing import Any

import keras


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
