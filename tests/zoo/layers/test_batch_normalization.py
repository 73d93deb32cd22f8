"""The fused batch norm against Keras' own."""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.layer_contract import check_saving
from zoo.layers import BatchNormalization

KERAS_OPTIONS = inspect.signature(keras.layers.BatchNormalization).parameters


def images(seed=0):
    generator = np.random.default_rng(seed)
    return generator.normal(2.0, 3.0, (4, 5, 6, 3)).astype("float32")


def pair(**options):
    ours = BatchNormalization(**options)
    theirs = keras.layers.BatchNormalization(**options)
    for layer in (ours, theirs):
        layer.build((None, 5, 6, 3))
    weights = [np.arange(1.0, 4.0) * (i + 1) for i in range(len(ours.weights))]
    for layer in (ours, theirs):
        layer.set_weights(weights)
    return ours, theirs


@pytest.mark.parametrize("training", [True, False])
def test_outputs_and_moving_averages_are_those_of_keras(training):
    ours, theirs = pair(momentum=0.8, epsilon=1e-5)
    for seed in range(3):
        np.testing.assert_allclose(
            ours(images(seed), training=training),
            theirs(images(seed), training=training),
            atol=1e-5,
        )
    for own, other in zip(ours.weights, theirs.weights, strict=True):
        assert own.name == other.name
        np.testing.assert_allclose(own.numpy(), other.numpy(), rtol=1e-5)


@pytest.mark.parametrize("training", [True, False])
def test_gradients_are_those_of_keras(training):
    gradients = []
    for layer in pair():
        inputs = tf.constant(images())
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = layer(inputs, training=training)
            total = tf.reduce_sum(tf.sin(outputs))
        gradients.append(
            tape.gradient(total, [inputs, *layer.trainable_variables])
        )
    for own, other in zip(*gradients, strict=True):
        np.testing.assert_allclose(own, other, atol=1e-4, rtol=1e-3)


def test_keras_weights_load(tmp_path):
    def model(layer):
        return keras.Sequential([keras.Input((5, 6, 3)), layer(name="norm")])

    theirs = model(keras.layers.BatchNormalization)
    theirs(images(), training=True)
    theirs.save_weights(tmp_path / "norm.weights.h5")
    ours = model(BatchNormalization)
    ours.load_weights(tmp_path / "norm.weights.h5")
    np.testing.assert_allclose(ours(images()), theirs(images()), atol=1e-5)


def test_saving(tmp_path):
    model = keras.Sequential([keras.Input((5, 6, 3)), BatchNormalization()])
    model(images(), training=True)
    check_saving(model, images(), tmp_path / "model.keras")


@pytest.mark.parametrize("training", [True, False])
def test_bfloat16_activations_keep_float32_statistics(training):
    mixed = BatchNormalization(dtype="mixed_bfloat16")
    plain = BatchNormalization()
    outputs = mixed(images(), training=training)
    assert keras.backend.standardize_dtype(outputs.dtype) == "bfloat16"
    expected = plain(images(), training=training)
    np.testing.assert_allclose(
        np.asarray(keras.ops.cast(outputs, "float32")), expected, atol=0.08
    )
    for own, other in zip(mixed.weights, plain.weights, strict=True):
        assert keras.backend.standardize_dtype(own.dtype) == "float32"
        np.testing.assert_allclose(own.numpy(), other.numpy(), atol=0.02)


@pytest.mark.parametrize("mean", [0.0, 10.0, 100.0])
def test_bfloat16_inference_computes_in_float32(mean):
    """Keras casts up; a mean far from zero leaves bfloat16 few digits."""
    generator = np.random.default_rng(0)
    inputs = generator.normal(mean, 1.3, (8, 5, 6, 3)).astype("float32")
    inputs = tf.cast(inputs, "bfloat16")
    errors = []
    for layer in pair(dtype="mixed_bfloat16"):
        layer.moving_mean.assign([mean + 0.1, mean, mean - 0.1])
        layer.moving_variance.assign([1.3**2] * 3)
        pixels = tf.cast(inputs, "float64").numpy()
        gamma, beta, average, variance = (w.numpy() for w in layer.weights)
        exact = (pixels - average) / np.sqrt(variance + layer.epsilon)
        outputs = tf.cast(layer(inputs), "float64").numpy()
        errors.append(np.sqrt(np.mean((outputs - exact * gamma - beta) ** 2)))
    ours, theirs = errors
    assert ours <= 1.01 * theirs


def test_output_type_is_that_of_the_policy():
    """Without autocasting, too, as in Keras."""
    layer = BatchNormalization(dtype="mixed_bfloat16", autocast=False)
    for training in (True, False):
        assert layer(images(), training=training).dtype == "bfloat16"


def test_frozen_layer_uses_its_moving_averages():
    layer = BatchNormalization()
    layer.build((None, 5, 6, 3))
    layer.trainable = False
    before = [w.numpy().copy() for w in layer.weights]
    layer(images(), training=True)
    for weight, value in zip(layer.weights, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), value)


@pytest.mark.parametrize(
    "options, shape",
    [
        ({"scale": False}, (4, 5, 6, 3)),
        ({"axis": 1}, (4, 5, 6, 3)),
        ({"dtype": "float64"}, (4, 5, 6, 3)),
        pytest.param(
            {"renorm": True, "renorm_clipping": {"rmax": 1.1, "dmax": 0.1}},
            (4, 5, 6, 3),
            marks=pytest.mark.skipif(
                "renorm" not in KERAS_OPTIONS, reason="Keras has it since 3.14"
            ),
        ),
        ({}, (4, 3)),
    ],
)
def test_everything_else_is_left_to_keras(options, shape):
    inputs = np.random.default_rng(0).normal(2.0, 3.0, shape).astype("float32")
    ours = BatchNormalization(**options)
    theirs = keras.layers.BatchNormalization(**options)
    for training in (True, True, False):
        outputs = ours(inputs, training=training)
        expected = theirs(inputs, training=training)
        assert outputs.dtype == expected.dtype
        np.testing.assert_allclose(outputs, expected, atol=1e-6)
    for own, other in zip(ours.weights, theirs.weights, strict=True):
        np.testing.assert_allclose(own.numpy(), other.numpy(), atol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_a_batch_of_no_images_leaves_the_averages(dtype):
    """As a replica's may be, at the end of an epoch."""
    layer = BatchNormalization(dtype=dtype)
    layer(images(), training=True)
    before = [weight.numpy() for weight in layer.weights]
    with tf.GradientTape() as tape:
        outputs = layer(images()[:0], training=True)
        loss = tf.reduce_sum(tf.cast(outputs, "float32"))
    gradients = tape.gradient(loss, layer.trainable_variables)
    assert outputs.shape == (0, 5, 6, 3)
    for weight, value in zip(layer.weights, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), value)
    for gradient in gradients:
        np.testing.assert_array_equal(gradient, 0)
