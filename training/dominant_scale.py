"""The one scale that decides a multi-scale ensemble's answer."""

import keras

from zoo.layers.multi_scale_ensemble import MultiScaleEnsemble
from zoo.training.ensemble import find_ensemble


def dominant_scale(model: keras.Model) -> keras.Model:
    """Returns the prediction at the scale of the largest weight alone.

    Training samples crafted on it cost a fraction of the ensemble's. Weights
    are shared with `model`, which is returned itself if it has no ensemble.

    Args:
        model: Functional model that may end in a `MultiScaleEnsemble`.
    """
    ensemble = find_ensemble(model)
    if ensemble is None:
        return model
    largest = ensemble.scale_weights.index(max(ensemble.scale_weights))
    single = MultiScaleEnsemble(
        ensemble.classifier,
        scales=ensemble.scales[largest : largest + 1],
        scale_weights=(1.0,),
    )
    return keras.Model(model.input, single(ensemble.input))
