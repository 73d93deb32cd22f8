"""A multi-scale ensemble seen scale by scale."""

import keras

from zoo.layers.multi_scale_ensemble import MultiScaleEnsemble


def scale_views(model: keras.Model) -> keras.Model | None:
    """Returns a model of the logits at every scale, before they are merged.

    It shares its weights with `model`. IRM's multi-scale training resizes
    each image to every scale and back-propagates through each (section II.B).

    Args:
        model: Functional model that ends in a `MultiScaleEnsemble`.

    Returns:
        A model from images to `(batch, scales, classes)` logits; `None` if
        `model` doesn't end in such an ensemble.
    """
    ensemble = find_ensemble(model)
    if ensemble is None:
        return None
    logits = _ScaleLogits(ensemble)(ensemble.input)
    return keras.Model(model.input, logits, name="scale_views")


def dominant_scale(model: keras.Model) -> keras.Model:
    """Returns a model that predicts at the scale of the largest weight alone.

    Adversarial images made on it cost a fraction of the ensemble's. It shares
    its weights with `model`.

    Args:
        model: Functional model.

    Returns:
        A model from images to logits; `model` itself if it doesn't end in a
        `MultiScaleEnsemble`.
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


def find_ensemble(model: keras.Model) -> MultiScaleEnsemble | None:
    """Returns the multi-scale ensemble that a model ends in.

    Args:
        model: Functional model. Models inside it are not searched.

    Returns:
        The last layer if it is a `MultiScaleEnsemble`, else `None`.
    """
    layers = getattr(model, "layers", ())
    if layers and isinstance(layers[-1], MultiScaleEnsemble):
        return layers[-1]
    return None


class _ScaleLogits(keras.layers.Layer):
    def __init__(self, ensemble: MultiScaleEnsemble):
        super().__init__(autocast=False, dtype=ensemble.dtype_policy)
        self.ensemble = ensemble

    def call(self, images, training=None):
        return self.ensemble.scale_logits(images, training=training)

    def compute_output_spec(self, images, training=None):
        classes = self.ensemble.output.shape[-1]
        scales = len(self.ensemble.scales)
        return keras.KerasTensor(
            (images.shape[0], scales, classes), dtype="float32"
        )
