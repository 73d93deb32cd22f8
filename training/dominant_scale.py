"""The one scale that decides a multi-scale ensemble's answer."""

import keras

from zoo.layers.multi_scale_ensemble import MultiScaleEnsemble


def dominant_scale(model: keras.Model) -> keras.Model:
    """Returns the prediction at the scale of the largest weight alone.

    Training samples crafted on it cost a fraction of the ensemble's. Weights
    are shared with `model`, which is returned itself if it has no ensemble.

    Args:
        model: Functional model that may end in a `MultiScaleEnsemble`.
    """
    for layer in getattr(model, "layers", ()):
        if isinstance(layer, MultiScaleEnsemble):
            largest = layer.scale_weights.index(max(layer.scale_weights))
            single = MultiScaleEnsemble(
                layer.classifier,
                scales=layer.scales[largest : largest + 1],
                scale_weights=(1.0,),
            )
            return keras.Model(model.input, single(layer.input))
    return model
