"""What JPEG promises as a layer, and what it refuses."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.jpeg import as_pixels
from tests.jpeg import paint
from tests.layer_contract import check_layer
from zoo.layers.jpeg import JPEG
from zoo.layers.random_patch_jpeg import RandomPatchJPEG
from zoo.loading import dtype_policy


@pytest.mark.parametrize("codec", ["dct", "libjpeg"])
@pytest.mark.parametrize("shape", [(24, 40, 3), (21, 35, 3), (21, 35, 1)])
def test_unknown_sizes_equal_known_ones(codec, shape):
    pixels = as_pixels(paint(2, *shape))
    layer = JPEG(codec=codec)
    signature = [tf.TensorSpec((None, None, None, shape[-1]))]
    dynamic = tf.function(
        lambda images: layer(images), input_signature=signature
    )
    np.testing.assert_array_equal(dynamic(pixels), layer(pixels))


def test_unknown_map_sizes_equal_known_ones():
    pixels = as_pixels(paint(2, 21, 35))
    quality_map = np.random.default_rng(5).uniform(10, 90, (2, 3, 5))
    layer = JPEG()
    dynamic = tf.function(
        lambda images, qualities: layer(images, quality_map=qualities),
        input_signature=[
            tf.TensorSpec((None, None, None, 3)),
            tf.TensorSpec((None, None, None)),
        ],
    )
    np.testing.assert_array_equal(
        dynamic(pixels, quality_map.astype("float32")),
        layer(pixels, quality_map=quality_map),
    )


def test_runs_in_a_saved_functional_model(tmp_path):
    images = keras.Input((None, None, 3))
    qualities = keras.Input((None, None))
    layer = JPEG(30, subsampling="4:4:4", gradient="soft")
    model = keras.Model(
        [images, qualities], layer(images, quality_map=qualities)
    )
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    pixels, quality_map = as_pixels(paint(2, 16, 24)), np.full((2, 2, 3), 20.0)
    np.testing.assert_array_equal(
        loaded([pixels, quality_map]), model([pixels, quality_map])
    )
    assert loaded.layers[-1].get_config() == layer.get_config()
    assert model.output_shape == (None, None, None, 3)


def test_levels_survive_a_mixed_policy():
    pixels = as_pixels(paint(1, 24, 24))
    expected = JPEG(80)(pixels)
    with dtype_policy("mixed_bfloat16"):
        decoded = JPEG(80)(pixels)
    assert decoded.dtype == "float32"
    np.testing.assert_array_equal(decoded, expected)


def test_computes_in_float32_whatever_its_policy():
    pixels = as_pixels(paint(1, 24, 24))
    mixed = JPEG(80, dtype="mixed_bfloat16")(pixels)
    assert mixed.dtype == "bfloat16"
    np.testing.assert_array_equal(mixed, tf.cast(JPEG(80)(pixels), "bfloat16"))


@pytest.mark.parametrize("channels", [1, 3])
def test_keeps_the_promises_of_a_layer(channels, tmp_path):
    layer = JPEG(40, subsampling="4:4:4", gradient="none")
    images = as_pixels(paint(2, 20, 28, channels))
    check_layer(layer, images, tmp_path / "jpeg.keras")
    assert layer.gradient == "none"
    assert layer.stochastic is False


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"quality": 0}, "quality must be .* Received: quality=0"),
        ({"quality": 101}, "Received: quality=101"),
        ({"quality": 50.5}, "Received: quality=50.5"),
        ({"quality": float("nan")}, "Received: quality=nan"),
        ({"quality": "high"}, "Received: quality='high'"),
        ({"codec": "jpeg2000"}, "Received: codec='jpeg2000'"),
        ({"subsampling": "4:2:2"}, "Received: subsampling='4:2:2'"),
        ({"gradient": "exact"}, "Received: gradient='exact'"),
        ({"codec": "libjpeg", "gradient": "soft"}, "gradient='soft'"),
    ],
)
def test_rejects_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        JPEG(**options)


@pytest.mark.parametrize(
    ("images", "quality_map", "message"),
    [
        (np.zeros((8, 8, 3), "float32"), None, "images must be .*shape"),
        (np.zeros((1, 8, 8, 4), "float32"), None, "one channel or three"),
        (np.zeros((1, 8, 8, 3), "uint8"), None, "floating-point .*uint8"),
        (np.zeros((2, 8, 9, 1), "float32"), np.ones((2, 1, 1)), "quality_map"),
        (np.zeros((2, 8, 8, 1), "float32"), np.ones(3), "quality_map"),
        (np.zeros((2, 8, 8, 1), "float32"), np.ones((2, 1)), "quality_map"),
    ],
)
def test_rejects_bad_inputs(images, quality_map, message):
    with pytest.raises(ValueError, match=message):
        JPEG()(images, quality_map=quality_map)


@pytest.mark.parametrize("layer", [JPEG, RandomPatchJPEG])
@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 4), (8, 8, None)])
def test_rejects_bad_shapes_before_images_come(layer, shape):
    with pytest.raises(ValueError, match="images must be .*shape .None, 8, 8"):
        layer()(keras.Input(shape))
