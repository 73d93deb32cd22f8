"""JPEG against Pillow, SciPy and its own definition."""

import importlib.util
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import scipy.fft
import tensorflow as tf
from PIL import Image

from exports.placement import cpu_only_ops
from tests.layer_contract import check_layer
from zoo.layers.jpeg import JPEG
from zoo.layers.jpeg import codec_dct
from zoo.layers.jpeg.dct import block_dct
from zoo.layers.jpeg.tables import CHROMINANCE
from zoo.layers.jpeg.tables import LUMINANCE
from zoo.layers.jpeg.tables import quantization_tables

QUALITIES = (10, 30, 50, 75, 90, 95)
SUBSAMPLINGS = ("4:2:0", "4:4:4")


def paint(count=2, height=96, width=80, channels=3, seed=0):
    """Byte pictures with a photograph's 1/f spectrum, edges and highlights."""
    rng = np.random.default_rng(seed)
    frequency = np.hypot(
        np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None]
    )
    amplitude = 1 / np.maximum(frequency, 1 / max(height, width))
    noise = rng.normal(size=(count, channels, height, width))
    waves = np.fft.ifft2(np.fft.fft2(noise) * amplitude).real
    waves /= waves.std(axis=(2, 3), keepdims=True)
    color = rng.normal(size=(count, channels, channels))
    color += 2 * np.ones((channels, channels))
    waves = np.einsum("nchw,ncd->nhwd", waves, color)
    top, left = height // 4, width // 3
    waves[:, top : 3 * top, left : 2 * left] *= -1
    return np.clip(128 + 25 * waves, 0, 255).astype("uint8")


def as_pixels(pictures):
    return (pictures / 255).astype("float32")


def as_bytes(pixels):
    return np.round(np.asarray(pixels) * 255).astype(int)


def compress_with_pillow(pictures, quality, subsampling):
    decoded = []
    for picture in pictures:
        file = io.BytesIO()
        Image.fromarray(picture.squeeze()).save(
            file, "JPEG", quality=quality, subsampling=subsampling
        )
        decoded.append(np.asarray(Image.open(file)).reshape(picture.shape))
    return np.stack(decoded).astype(int)


def expect_parity(pictures, quality, subsampling, mean=0.6, within_3=0.96):
    layer = JPEG(quality, subsampling=subsampling)
    expected = compress_with_pillow(pictures, quality, subsampling)
    difference = np.abs(as_bytes(layer(as_pixels(pictures))) - expected)
    assert difference.mean() <= mean
    assert np.mean(difference <= 3) >= within_3


def gradient_of(layer, pixels, weights, **options):
    with tf.GradientTape() as tape:
        pixels = tf.constant(pixels)
        tape.watch(pixels)
        total = tf.reduce_sum(layer(pixels, **options) * weights)
    return np.asarray(tape.gradient(total, pixels))


# Known answers.


def test_tables_are_those_in_the_files():
    picture = Image.fromarray(paint(1)[0])
    for quality in range(1, 101):
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=quality)
        tables = Image.open(file).quantization
        for index, base in enumerate((LUMINANCE, CHROMINANCE)):
            steps = quantization_tables(base)[quality - 1]
            assert steps.ravel().tolist() == list(tables[index])


def test_block_dct_is_scipys():
    block = np.random.default_rng(0).normal(size=(8, 8, 2))
    expected = scipy.fft.dctn(block, axes=(0, 1), norm="ortho")
    np.testing.assert_allclose(
        block_dct(2) @ block.ravel(), expected.ravel(), atol=1e-12
    )


@pytest.mark.parametrize("quality", QUALITIES)
@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_matches_pillow(quality, subsampling):
    expect_parity(paint(), quality, subsampling)


@pytest.mark.parametrize("quality", QUALITIES)
@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_equals_pillow_on_flat_patches(quality, subsampling):
    """Halves abound there, and every one must go libjpeg's way."""
    colors = np.random.default_rng(0).integers(0, 256, (8, 6, 6, 3))
    colors[:4, ..., 1] = colors[:4, ..., 0]
    colors[4:, ..., 1] = colors[4:, ..., 2]
    pictures = colors.repeat(16, axis=1).repeat(16, axis=2).astype("uint8")
    layer = JPEG(quality, subsampling=subsampling)
    np.testing.assert_array_equal(
        as_bytes(layer(as_pixels(pictures))),
        compress_with_pillow(pictures, quality, subsampling),
    )


@pytest.mark.parametrize("size", [(61, 47), (16, 33), (9, 8), (23, 17)])
@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_matches_pillow_at_any_size(size, subsampling):
    expect_parity(paint(4, *size), 75, subsampling)


@pytest.mark.parametrize("size", [(28, 28), (61, 47)])
def test_matches_pillow_on_grey(size):
    expect_parity(paint(4, *size, channels=1), 50, "4:4:4")


@pytest.mark.large
@pytest.mark.skipif(
    importlib.util.find_spec("foolbox") is None, reason="foolbox has the data"
)
@pytest.mark.parametrize("size", [(224, 224), (299, 299), (61, 47)])
@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
@pytest.mark.parametrize("quality", QUALITIES)
def test_matches_pillow_on_photographs(quality, subsampling, size):
    package = importlib.util.find_spec("foolbox").origin
    files = sorted(Path(package).parent.glob("data/imagenet_*.jpg"))
    assert len(files) == 20
    photographs = [
        np.asarray(Image.open(file).convert("RGB").resize(size[::-1]))
        for file in files
    ]
    expect_parity(np.stack(photographs), quality, subsampling, 0.2, 0.99)


def test_results_are_whole_levels():
    levels = 255 * np.asarray(JPEG(60)(as_pixels(paint())))
    np.testing.assert_allclose(levels, np.round(levels), atol=1e-4)


# Quality maps.


@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_quality_of_each_image_equals_separate_calls(subsampling):
    pixels = as_pixels(paint(3, 40, 56))
    together = JPEG(subsampling=subsampling)(
        pixels, quality_map=np.array([20, 60, 95])
    )
    for index, quality in enumerate((20, 60, 95)):
        alone = JPEG(quality, subsampling=subsampling)(pixels[index, None])
        np.testing.assert_array_equal(together[index], alone[0])


@pytest.mark.parametrize(
    "quality_map",
    [40, np.float32(39.6), np.full(2, 40), np.full((2, 5, 7), 40)],
)
@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_uniform_maps_equal_the_number(quality_map, subsampling):
    pixels = as_pixels(paint(2, 39, 51))
    np.testing.assert_array_equal(
        JPEG(75, subsampling=subsampling)(pixels, quality_map=quality_map),
        JPEG(40, subsampling=subsampling)(pixels),
    )


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(40, 56), (37, 50)])
def test_each_block_has_its_quality(channels, size):
    pixels = as_pixels(paint(2, *size, channels=channels))
    rng = np.random.default_rng(1)
    quality_map = rng.choice([10, 50, 90], (2, 5, 7))
    layer = JPEG(subsampling="4:4:4")
    compressed = np.asarray(layer(pixels, quality_map=quality_map))
    of_pixel = quality_map.repeat(8, axis=1).repeat(8, axis=2)
    of_pixel = of_pixel[:, : size[0], : size[1]]
    for quality in (10, 50, 90):
        expected = np.asarray(JPEG(quality, subsampling="4:4:4")(pixels))
        chosen = of_pixel == quality
        np.testing.assert_array_equal(compressed[chosen], expected[chosen])


def test_halved_chroma_takes_the_mean_quality():
    pixels = as_pixels(paint(1, 48, 48))
    quality_map = np.full((1, 6, 6), 30)
    quality_map[:, 2:4, 2:4] = [[81, 81], [80, 80]]
    compressed = np.asarray(JPEG()(pixels, quality_map=quality_map))
    inside, around = np.asarray(JPEG(81)(pixels)), np.asarray(JPEG(30)(pixels))
    # Triangle filters reach one pixel across a border of the chroma.
    upper, lower = np.s_[:, 17:24, 17:31], np.s_[:, 24:31, 17:31]
    np.testing.assert_array_equal(compressed[upper], inside[upper])
    assert not np.array_equal(compressed[lower], inside[lower])
    difference = compressed[lower] - np.asarray(JPEG(80)(pixels))[lower]
    assert np.abs(difference @ [0.299, 0.587, 0.114]).mean() < 0.5 / 255
    for rows in (np.s_[:, :15], np.s_[:, 33:]):
        np.testing.assert_array_equal(compressed[rows], around[rows])


def test_qualities_beyond_the_scale_are_limited():
    pixels = as_pixels(paint(2, 16, 16))
    np.testing.assert_array_equal(
        JPEG()(pixels, quality_map=np.array([-3, 400])),
        JPEG()(pixels, quality_map=np.array([1, 100])),
    )


# Gradients.


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


# The library.


@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_libjpeg_is_pillows(subsampling):
    pictures = paint(2, 61, 47)
    layer = JPEG(30, codec="libjpeg", subsampling=subsampling)
    np.testing.assert_array_equal(
        as_bytes(layer(as_pixels(pictures))),
        compress_with_pillow(pictures, 30, subsampling),
    )


@pytest.mark.parametrize("channels", [1, 3])
def test_libjpeg_takes_a_quality_for_each_image(channels):
    pictures = paint(2, 20, 30, channels)
    layer = JPEG(codec="libjpeg")
    compressed = layer(as_pixels(pictures), quality_map=np.array([15, 85]))
    for index, quality in enumerate((15, 85)):
        np.testing.assert_array_equal(
            as_bytes(compressed[index]),
            compress_with_pillow(pictures[index, None], quality, "4:2:0")[0],
        )


def test_codecs_share_the_straight_through_gradient():
    pixels = as_pixels(paint(1, 24, 40))
    np.testing.assert_array_equal(
        gradient_of(JPEG(codec="libjpeg"), pixels, pixels[:, ::-1]),
        gradient_of(JPEG(), pixels, pixels[:, ::-1]),
    )


# Contracts.


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


def test_every_operation_has_a_gpu_kernel():
    layer = JPEG()

    @tf.function(
        input_signature=[
            tf.TensorSpec((None, 30, 40, 3)),
            tf.TensorSpec((None, 4, 5)),
        ]
    )
    def forward_and_backward(images, quality_map):
        with tf.GradientTape() as tape:
            tape.watch(images)
            total = tf.reduce_sum(layer(images, quality_map=quality_map))
        return tape.gradient(total, images)

    graph = forward_and_backward.get_concrete_function().graph
    assert cpu_only_ops(graph.as_graph_def()) == {}


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


def test_runs_in_an_exported_model(tmp_path):
    images = keras.Input((None, None, 3))
    model = keras.Model(images, JPEG(30)(images))
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint(
        "serve", model, input_signature=[tf.TensorSpec((None, None, None, 3))]
    )
    archive.write_out(tmp_path / "export", verbose=False)
    served = tf.saved_model.load(tmp_path / "export").serve
    pixels = as_pixels(paint(1, 18, 23))
    np.testing.assert_array_equal(served(pixels), model(pixels))


def test_computes_in_float32_under_a_mixed_policy():
    pixels = as_pixels(paint(1, 24, 24))
    mixed = JPEG(80, dtype="mixed_bfloat16")(pixels)
    assert mixed.dtype == "bfloat16"
    np.testing.assert_array_equal(mixed, tf.cast(JPEG(80)(pixels), "bfloat16"))


def test_runs_in_a_data_pipeline():
    pixels = as_pixels(paint(4, 20, 20))
    layer = JPEG(60)
    dataset = tf.data.Dataset.from_tensor_slices(pixels).batch(2).map(layer)
    np.testing.assert_array_equal(
        np.concatenate(list(dataset.as_numpy_iterator())), layer(pixels)
    )


def test_compiles_with_xla():
    pixels = as_pixels(paint(2, 20, 36))
    compiled = tf.function(JPEG(75), jit_compile=True)
    difference = np.abs(as_bytes(compiled(pixels)) - as_bytes(JPEG()(pixels)))
    assert difference.mean() < 0.1


@pytest.mark.parametrize("channels", [1, 3])
def test_keeps_the_promises_of_a_layer(channels):
    layer = JPEG(40, subsampling="4:4:4", gradient="none")
    check_layer(layer, as_pixels(paint(2, 20, 28, channels)))
    assert layer.gradient == "none"
    assert layer.stochastic is False


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_backends_agree(backend, tmp_path):
    pytest.importorskip(backend)
    pixels = as_pixels(paint(2, 26, 44))
    np.save(tmp_path / "pixels.npy", pixels)
    script = """
import json, sys
import numpy as np
from keras import ops
from zoo.layers.jpeg import JPEG

images = np.load(sys.argv[1])
for options in json.loads(sys.argv[2]):
    compressed = JPEG(**options)(images, quality_map=np.array([20, 80]))
    np.save(sys.argv[1] + str(options), ops.convert_to_numpy(compressed))
"""
    options = [{}, {"subsampling": "4:4:4"}, {"gradient": "soft"}]
    subprocess.run(
        [
            sys.executable,
            "-c",
            script,
            str(tmp_path / "pixels.npy"),
            json.dumps(options),
        ],
        env={**os.environ, "KERAS_BACKEND": backend},
        cwd=Path(__file__).parents[3],
        check=True,
        timeout=120,
    )
    for option in options:
        np.testing.assert_allclose(
            np.load(tmp_path / f"pixels.npy{option}.npy"),
            JPEG(**option)(pixels, quality_map=np.array([20, 80])),
            atol=1e-6,
        )


# Bad input.


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


@pytest.mark.parametrize(
    ("subsampling", "quality_map"),
    [("4:2:0", np.ones((1, 1, 1))), ("4:4:4", np.ones(1))],
)
def test_libjpeg_rejects_what_it_cannot_do(subsampling, quality_map):
    layer = JPEG(codec="libjpeg", subsampling=subsampling)
    with pytest.raises(ValueError, match="use codec='dct'"):
        layer(np.zeros((1, 8, 8, 3), "float32"), quality_map=quality_map)


def test_libjpeg_needs_tensorflow(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(ValueError, match="TensorFlow backend.*'jax'"):
        JPEG(codec="libjpeg")
