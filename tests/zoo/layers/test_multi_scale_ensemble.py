"""The multi-scale ensemble against equation 1."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import softmax

from tests.layer_contract import check_saving
from zoo.layers import AntialiasedResizing
from zoo.layers import MultiScaleEnsemble
from zoo.layers import SpatialPyramidPooling

SCALES = (6, 8, 12)
WEIGHTS = (1.0, 0.1, 0.5)


@pytest.fixture
def classifier():
    inputs = keras.Input((None, None, 3))
    features = keras.layers.Conv2D(4, 3, padding="same")(inputs)
    pooled = SpatialPyramidPooling((1, 2))(features)
    return keras.Model(inputs, keras.layers.Dense(5)(pooled))


@pytest.fixture
def images():
    return np.random.default_rng(0).random((4, 10, 10, 3), "float32")


def test_softmax_of_the_logits_is_equation_1(classifier, images):
    logits = MultiScaleEnsemble(classifier, SCALES, WEIGHTS)(images)
    confidences = sum(
        weight * softmax(classifier(AntialiasedResizing(s, s)(images)), axis=-1)
        for s, weight in zip(SCALES, WEIGHTS, strict=True)
    )
    np.testing.assert_allclose(
        softmax(logits, axis=-1), confidences / sum(WEIGHTS), atol=1e-6
    )
    np.testing.assert_allclose(
        logits, np.log(confidences / sum(WEIGHTS)), atol=1e-5
    )


def test_scale_logits_are_the_classifiers(classifier, images):
    ensemble = MultiScaleEnsemble(classifier, SCALES, WEIGHTS)
    logits = ensemble.scale_logits(images)
    assert logits.shape == (4, 3, 5)
    np.testing.assert_allclose(
        logits[:, 1], classifier(AntialiasedResizing(8, 8)(images)), atol=1e-6
    )


def test_resizes_before_casting_under_a_mixed_policy(images):
    keras.config.set_dtype_policy("mixed_bfloat16")
    inputs = keras.Input((None, None, 3))
    features = keras.layers.Conv2D(4, 3, padding="same")(inputs)
    pooled = keras.layers.GlobalAveragePooling2D()(features)
    classifier = keras.Model(inputs, keras.layers.Dense(5)(pooled))
    logits = MultiScaleEnsemble(classifier, (8,), (1.0,))(images)
    expected = classifier(AntialiasedResizing(8, 8, dtype="float32")(images))
    assert expected.dtype == "bfloat16"
    expected = keras.ops.log_softmax(keras.ops.cast(expected, "float32"))
    np.testing.assert_allclose(logits, expected, atol=1e-6)


def test_saving(classifier, images, tmp_path):
    inputs = keras.Input((10, 10, 3))
    ensemble = MultiScaleEnsemble(classifier, SCALES, WEIGHTS)
    model = keras.Model(inputs, ensemble(inputs))
    assert model.output_shape == (None, 5)
    check_saving(model, images, tmp_path / "model.keras")


def test_a_configuration_serves_twice(classifier, images):
    ensemble = MultiScaleEnsemble(classifier, SCALES, WEIGHTS)
    config = ensemble.get_config()
    for _ in range(2):
        clone = MultiScaleEnsemble.from_config(config)
        assert clone.scales == SCALES
    assert config.keys() == ensemble.get_config().keys()


def test_images_must_be_of_rank_four(classifier):
    """Before they come: a symbolic call runs no layer inside."""
    with pytest.raises(ValueError, match=r"takes .batch.*\(None, 10, 10\)"):
        MultiScaleEnsemble(classifier, SCALES, WEIGHTS)(keras.Input((10, 10)))


def test_confident_scales_stay_finite(images):
    """Softmax underflows at 1000 logits apart; the log ensemble does not."""
    inputs = keras.Input((None, None, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(inputs)
    classifier = keras.Model(
        inputs,
        keras.layers.Dense(
            2, kernel_initializer=keras.initializers.Constant([[1e4, -1e4]] * 3)
        )(pooled),
    )
    logits = np.asarray(
        MultiScaleEnsemble(classifier, (4, 5), (1, 1e-3))(images)
    )
    assert np.isfinite(logits).all()


class Mask(keras.layers.Layer):
    """Gives the class 2 a logit of minus infinity, the class 0 at 4 pixels."""

    def call(self, logits, images):
        small = keras.ops.equal(keras.ops.shape(images)[1], 4)
        classes = np.arange(4)
        masked = (classes == 2) | ((classes == 0) & small)
        return keras.ops.where(masked, -np.inf, logits)


def test_a_masked_class_is_no_nan(images):
    """Neither in the logits nor in the gradient; the others are as ever."""
    inputs = keras.Input((None, None, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(inputs)
    dense = keras.layers.Dense(4)
    masked = keras.Model(inputs, Mask()(dense(pooled), images=inputs))
    ensemble = MultiScaleEnsemble(masked, (4, 6), (1.0, 0.5))
    pixels = tf.constant(images)
    with tf.GradientTape() as tape:
        tape.watch(pixels)
        logits = ensemble(pixels)
        loss = keras.losses.sparse_categorical_crossentropy(
            np.array([0, 1, 3, 0]), logits, from_logits=True
        )
    gradient = tape.gradient(loss, pixels).numpy()
    confidences = sum(
        weight * softmax(masked(AntialiasedResizing(s, s)(images)), axis=-1)
        for s, weight in ((4, 1.0), (6, 0.5))
    )
    assert (confidences[:, 0] > 0).all()
    assert np.isfinite(gradient).all()
    assert np.any(gradient)
    np.testing.assert_allclose(
        softmax(logits, -1), confidences / 1.5, rtol=1e-5
    )
    assert (np.asarray(logits)[:, 2] <= -1e29).all()


@pytest.mark.parametrize(
    "scales, weights",
    [
        ((), ()),
        ((4, 8), (1.0,)),
        ((4,), (0.0,)),
        ((4, 8), (1.0, float("nan"))),
        ((4,), (float("inf"),)),
    ],
)
def test_bad_weights(classifier, scales, weights):
    with pytest.raises(ValueError, match="Received: .*scale_weights="):
        MultiScaleEnsemble(classifier, scales, weights)


@pytest.mark.parametrize("scale", [0, -4, 8.9])
def test_bad_scales(classifier, scale):
    with pytest.raises(ValueError, match=f"whole number.*height={scale}"):
        MultiScaleEnsemble(classifier, (4, scale), (1.0, 1.0))
