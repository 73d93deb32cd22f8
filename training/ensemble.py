"""The multi-scale ensemble that a model ends in."""

import keras

from zoo.layers.multi_scale_ensemble import MultiScaleEnsemble


def find_ensemble(model: keras.Model) -> MultiScaleEnsemble | None:
    """Returns a model's multi-scale ensemble.

    Args:
        model: Functional model. Models inside are not searched.

    Returns:
        The last layer, if it is one; else `None`.
    """
    layers = getattr(model, "layers", ())
    if layers and isinstance(layers[-1], MultiScaleEnsemble):
        return layers[-1]
    return None
