"""Folded convolutions give what a batch norm behind them gave."""

import threading

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from zoo import exports
from zoo.exports.saved_model.folding import foldable
from zoo.exports.saved_model.folding import folded
from zoo.layers import BatchNormalization
from zoo.layers import MultiScaleEnsemble

IMAGES = np.random.default_rng(1).random((3, 8, 8, 3), "float32")


def randomise(model):
    """Gives batch norms statistics of a trained model."""
    rng = np.random.default_rng(0)
    for weight in model.weights:
        if weight.path.split("/")[-1] in ("gamma", "moving_variance"):
            weight.assign(rng.uniform(0.2, 3, weight.shape))
        elif len(weight.shape) == 1:
            weight.assign(rng.normal(size=weight.shape))
    return model


def graph(*layers):
    return randomise(keras.Sequential([keras.Input((8, 8, 3)), *layers]))


def trace(model, fold=True):
    with folded(model, fold) as variables:
        call = tf.function(lambda x: model(x, training=False))
        call = call.get_concrete_function(tf.TensorSpec((None, 8, 8, 3)))
    return call, variables


@pytest.mark.parametrize(
    ("policy", "count"), [("float32", 1), ("mixed_bfloat16", 0)]
)
def test_folds_where_no_digits_are_lost(policy, count):
    model = graph(
        keras.layers.Conv2D(4, 3, dtype=policy),
        BatchNormalization(dtype=policy),
    )
    with folded(model) as variables:
        assert len(variables) == count
    with folded(model, True) as variables:
        assert len(variables) == 1


@pytest.mark.parametrize(
    "convolution",
    [
        keras.layers.Conv2D(4, 3, padding="same", use_bias=False),
        keras.layers.Conv2D(4, 3, strides=2),
        keras.layers.Conv2D(6, 3, groups=3),
        keras.layers.DepthwiseConv2D(3, depth_multiplier=2),
    ],
)
@pytest.mark.parametrize(
    "norm",
    [
        BatchNormalization(),
        keras.layers.BatchNormalization(scale=False, epsilon=0.1),
        keras.layers.BatchNormalization(center=False, axis=3),
    ],
)
def test_equals_the_unfolded_model(convolution, norm):
    model = graph(
        type(convolution).from_config(convolution.get_config()),
        type(norm).from_config(norm.get_config()),
    )
    call, variables = trace(model)
    assert len(variables) == 1
    assert not any("moving" in v.name for v in call.variables)
    np.testing.assert_allclose(
        call(tf.constant(IMAGES)), model(IMAGES), rtol=1e-4, atol=1e-4
    )


def test_what_is_read_elsewhere_or_does_more_stays():
    images = keras.Input((8, 8, 3))
    shared = keras.layers.Conv2D(3, 1)(images)
    active = keras.layers.Conv2D(3, 1, activation="relu")(images)
    last = keras.layers.Conv2D(3, 1)(images)
    norms = [BatchNormalization()(x) for x in (images, shared, active, last)]
    residual = keras.layers.Add()([shared, *norms])
    model = keras.Model(images, [residual, last])
    assert foldable(model) == []
    twice, norm = keras.layers.Conv2D(3, 1), BatchNormalization()
    model = keras.Model(images, norm(images) + norm(twice(images)))
    assert foldable(model) == []


def test_a_layer_of_two_models_is_folded_in_both():
    """As `zoo.defend` calls a model's layers in a graph of its own."""
    model = graph(keras.layers.Conv2D(3, 1), BatchNormalization())
    images = keras.Input((8, 8, 3))
    outer = images
    for layer in model.layers:
        outer = layer(outer)
    assert len(foldable(keras.Model(images, outer))) == 1


def test_in_an_ensemble_of_scales():
    inner = randomise(
        zoo.models.wide_resnet(
            depth=10, width=2, num_classes=3, image_shape=(None, None, 3)
        )
    )
    images = keras.Input((8, 8, 3))
    model = keras.Model(
        images, MultiScaleEnsemble(inner, (8, 16), (1.0, 0.1))(images)
    )
    call, variables = trace(model)
    # The second of each of three blocks, and the first behind `conv1`.
    assert len(variables) == 4
    np.testing.assert_allclose(
        call(tf.constant(IMAGES)), model(IMAGES), rtol=1e-3, atol=1e-4
    )


def test_the_model_and_other_threads_are_left_alone():
    model = graph(keras.layers.Conv2D(3, 1), BatchNormalization())
    before = model.get_weights()
    expected = model(IMAGES).numpy()
    seen = []
    with folded(model):
        thread = threading.Thread(
            target=lambda: seen.append(model(IMAGES).numpy())
        )
        thread.start()
        thread.join()
    np.testing.assert_array_equal(seen[0], expected)
    np.testing.assert_array_equal(model(IMAGES), expected)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert all("call" not in vars(layer) for layer in model.layers)


def test_export_folds_unless_told_not_to(tmp_path, classifier):
    model = randomise(classifier())
    for version, fold in enumerate((True, False), start=1):
        report = exports.save(
            model,
            tmp_path / "model",
            version=version,
            fold_batch_norm=fold,
            signatures=["serving_default"],
        )
        assert report.folded == fold
        assert report.max_abs_difference < 1e-4
