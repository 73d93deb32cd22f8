"""Noise on activations: its size, its copies, its contract."""

import keras
import numpy as np
import pytest

from tests.layer_contract import check_layer
from zoo.layers import ActivationNoise
from zoo.layers import RepeatedBatch


@pytest.fixture
def activations():
    rng = np.random.default_rng(0)
    scales = np.array([1.0, 10.0, 0.1]).reshape(3, 1, 1, 1)
    return (3 + scales * rng.normal(size=(3, 12, 10, 16))).astype("float32")


def test_deviations_do_not_overflow_in_half_precision():
    layer = ActivationNoise(draws=2, repeat=True, dtype="float16")
    activations = 30 * np.random.default_rng(0).normal(size=(2, 32, 32, 16))
    assert np.isfinite(np.asarray(layer(activations.astype("float16")))).all()


@pytest.mark.parametrize(
    "distribution, kurtosis", [("gaussian", 3.0), ("uniform", 1.8)]
)
def test_noise_is_in_proportion_to_each_images_deviation(
    activations, distribution, kurtosis
):
    layer = ActivationNoise(0.2, distribution, 4, repeat=True, seed=1)
    outputs = np.asarray(layer(activations)).reshape(4, 3, -1)
    noise = outputs - activations.reshape(3, -1)
    deviations = activations.reshape(3, -1).std(-1)
    scaled = noise / (0.2 * deviations)[:, None]
    np.testing.assert_allclose(scaled.mean((0, 2)), 0, atol=0.03)
    np.testing.assert_allclose(scaled.std((0, 2)), 1, atol=0.02)
    assert np.mean(scaled**4) == pytest.approx(kurtosis, rel=0.05)
    # Draws differ; the images of one share a sample.
    assert not np.allclose(scaled[0], scaled[1], atol=0.5)
    np.testing.assert_allclose(scaled[:, 0], scaled[:, 1], atol=1e-3)


def test_noise_of_an_image_does_not_depend_on_its_batch(activations):
    def make():
        return ActivationNoise(draws=2, repeat=True, seed=3)

    together = np.asarray(make()(activations)).reshape(2, 3, 12, 10, 16)
    alone = np.asarray(make()(activations[1:2])).reshape(2, 1, 12, 10, 16)
    np.testing.assert_allclose(together[:, 1:2], alone, atol=1e-5)


def test_copies_in_one_batch_share_the_noise(activations):
    """So they say nothing of the noise; another call does."""
    layer = ActivationNoise(draws=1, seed=3)
    copies = np.repeat(activations[:1], 2, axis=0)
    first, second = np.asarray(layer(copies))
    np.testing.assert_array_equal(first, second)
    assert not np.allclose(first, layer(copies)[0], atol=0.1)


def test_copies_are_not_repeated_again(activations):
    repeated = np.tile(activations, (2, 1, 1, 1))
    once = ActivationNoise(draws=2, repeat=True, seed=3)(activations)
    again = ActivationNoise(draws=2, seed=3)(repeated)
    np.testing.assert_allclose(once, again, atol=1e-5)
    np.testing.assert_array_equal(RepeatedBatch(2)(activations), repeated)


def test_every_call_draws_anew(activations):
    layer = ActivationNoise(draws=2, repeat=True, seed=3)
    assert layer.stochastic
    assert not np.allclose(layer(activations), layer(activations))


@pytest.mark.parametrize(
    "layer",
    [
        ActivationNoise(0.01, "uniform", 3, repeat=True, seed=0),
        ActivationNoise(0.01, draws=3, seed=0),
        RepeatedBatch(3),
    ],
    ids=["first", "later", "repeated"],
)
def test_contract(layer, tmp_path):
    images = np.random.default_rng(0).random((6, 4, 5, 2), "float32")
    check_layer(layer, images, tmp_path / "model.keras")


def test_rows_take_noise_too():
    rows = np.random.default_rng(0).random((2, 7), "float32")
    assert ActivationNoise(draws=3, repeat=True)(rows).shape == (6, 7)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"scale": -1}, "scale must be 0 or more.*scale=-1"),
        ({"scale": float("nan")}, "scale must be.*nan"),
        ({"distribution": "normal"}, "must be one of.*'normal'"),
        ({"draws": 0}, "draws must be.*draws=0"),
        ({"draws": 1.5}, "draws must be.*draws=1.5"),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        ActivationNoise(**options)


def test_gradient_is_exact(activations):
    """The deviation of the noise moves with the image: finite differences."""
    import tensorflow as tf

    images = tf.constant(activations[:1, :3, :3, :2], "float64")
    direction = tf.constant(
        np.random.default_rng(1).normal(size=images.shape), "float64"
    )

    def value(images):
        layer = ActivationNoise(
            0.5, draws=2, repeat=True, seed=4, dtype="float64"
        )
        return keras.ops.sum(layer(images) ** 2)

    with tf.GradientTape() as tape:
        tape.watch(images)
        loss = value(images)
    slope = tf.reduce_sum(tape.gradient(loss, images) * direction)
    step = 1e-5
    ahead, behind = (value(images + s * direction) for s in (step, -step))
    expected = (ahead - behind) / (2 * step)
    np.testing.assert_allclose(slope, expected, rtol=1e-6)
