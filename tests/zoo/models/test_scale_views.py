"""The scale of the largest weight, alone."""

import keras
import numpy as np
from scipy.special import log_softmax

from zoo.layers import AntialiasedResizing
from zoo.layers import MultiScaleEnsemble
from zoo.models.scale_views import dominant_scale


def test_it_is_the_classifier_at_that_scale():
    pixels = keras.Input((None, None, 1))
    pooled = keras.layers.GlobalMaxPooling2D()(
        keras.layers.Conv2D(3, 2)(pixels)
    )
    classifier = keras.Model(pixels, pooled)
    images = keras.Input((8, 8, 1))
    ensemble = MultiScaleEnsemble(classifier, (4, 6, 8), (0.1, 1.0, 0.3))
    model = keras.Model(images, ensemble(images))
    single = dominant_scale(model)
    batch = np.random.default_rng(0).random((2, 8, 8, 1), "float32")
    logits = np.asarray(classifier(AntialiasedResizing(6, 6)(batch)))
    expected = log_softmax(logits, -1)
    np.testing.assert_allclose(single(batch), expected, rtol=1e-5)
    assert {id(w) for w in single.weights} == {id(w) for w in model.weights}


def test_a_model_without_scales_is_returned():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    assert dominant_scale(model) is model
