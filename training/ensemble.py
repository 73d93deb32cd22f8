"""The multi-scale ensemble that a model ends in."""

import keras

from zoo.layers.multi_scale_ensemble import MultiScaleEnsemble


def find_ensemble(model: keras.Model) -> MultiScaleEnsemble | None:
    """Returns a model's multi-scale ensemble.

    Args:
        model: Functional model. Models inside are not searched.

    Returns:
        The layer; `None` if there is none.
    """
    for layer in getattr(model, "layers", ()):
        if isinstance(layer, MultiScaleEnsemble):
            return layer
    return None
