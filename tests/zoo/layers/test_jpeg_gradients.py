"""JPEG's gradients against their definitions."""

import numpy as np
import pytest
import tensorflow as tf

from tests.jpeg import SUBSAMPLINGS
from tests.jpeg import as_pixels
from tests.jpeg import gradient_of
from tests.jpeg import paint
from zoo.jpeg import codec_dct
from zoo.jpeg.quantization import LUMINANCE
from zoo.jpeg.quantization import quantization_tables
from zoo.layers.jpeg import JPEG


class NoRounding:
    """Leaves the linear part of the codec, for autodiff to transpose."""

    def round(self, values):
        return values

    round_coefficients = round

    def to_bytes(self, values, low, high):
        return values


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
@pytest.mark.parametrize("size", [(16, 32), (17, 31), (9, 40), (26, 5)])
def test_straight_through_is_the_chain_rule(size, subsampling, channels):
    pixels = as_pixels(paint(2, *size, channels=channels))
    weights = np.random.default_rng(2).normal(size=pixels.shape)
    weights = weights.astype("float32")

    def without_rounding(images):
        return codec_dct.compress(images, 30, subsampling, NoRounding())

    np.testing.assert_allclose(
        gradient_of(JPEG(30, subsampling=subsampling), pixels, weights),
        gradient_of(without_rounding, pixels, weights),
        atol=5e-4,  # the color transforms are inverses to sixteen bits
    )


def test_straight_through_ignores_the_quality():
    pixels = as_pixels(paint(2, 24, 24))
    weights = np.random.default_rng(3).normal(size=pixels.shape)
    weights = weights.astype("float32")
    quality_map = tf.random.uniform((2, 3, 3), 10, 90, seed=0)
    np.testing.assert_array_equal(
        gradient_of(JPEG(), pixels, weights, quality_map=quality_map),
        gradient_of(JPEG(5), pixels, weights),
    )


@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_soft_gradient_is_that_of_its_forward_pass(subsampling):
    # Low contrast and large steps keep coefficients off the jumps at halves.
    rng = np.random.default_rng(4)
    pixels = rng.uniform(0.6, 0.64, (1, 16, 16, 3)).astype("float32")
    direction = rng.normal(size=pixels.shape).astype("float32")
    layer = JPEG(5, subsampling=subsampling, gradient="soft")
    weights = 100 * direction
    slope = np.sum(gradient_of(layer, pixels, weights) * direction)
    step = 0.002
    ahead = np.sum(layer(pixels + step * direction) * weights)
    behind = np.sum(layer(pixels - step * direction) * weights)
    assert slope > 1
    np.testing.assert_allclose(slope, (ahead - behind) / (2 * step), rtol=0.03)


def test_soft_rounding_is_the_cubic():
    steps = quantization_tables(LUMINANCE)[49][0, 0]
    level = 5.3
    pixels = np.full((1, 8, 8, 1), (level * steps / 8 + 128) / 255, "float32")
    compressed = JPEG(50, gradient="soft")(pixels)
    expected = ((5 + 0.3**3) * steps / 8 + 128) / 255
    np.testing.assert_allclose(compressed, expected, rtol=1e-4)


@pytest.mark.parametrize("codec", ["dct", "libjpeg"])
def test_no_gradient_is_zero(codec):
    pixels = as_pixels(paint(1, 16, 16))
    layer = JPEG(codec=codec, gradient="none")
    assert not gradient_of(layer, pixels, pixels).any()
    np.testing.assert_array_equal(layer(pixels), JPEG(codec=codec)(pixels))


def test_codecs_share_the_straight_through_gradient():
    pixels = as_pixels(paint(1, 24, 40))
    np.testing.assert_array_equal(
        gradient_of(JPEG(codec="libjpeg"), pixels, pixels[:, ::-1]),
        gradient_of(JPEG(), pixels, pixels[:, ::-1]),
    )


def test_unknown_sizes_have_the_same_gradient():
    pixels = as_pixels(paint(2, 21, 34))
    layer = JPEG()

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3))])
    def gradient(images):
        with tf.GradientTape() as tape:
            tape.watch(images)
            total = tf.reduce_sum(layer(images) * images[:, ::-1])
        return tape.gradient(total, images)

    weights = pixels[:, ::-1]
    expected = gradient_of(layer, pixels, weights)
    expected = expected + np.asarray(layer(pixels))[:, ::-1]
    np.testing.assert_allclose(gradient(pixels), expected, atol=1e-5)
