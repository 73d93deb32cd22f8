"""A quality for each block from a saliency map, and JPEG by it."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from scipy import stats

from tests.jpeg import SUBSAMPLINGS
from tests.jpeg import as_pixels
from tests.jpeg import gradient_of
from tests.jpeg import paint
from tests.paths import ROOT
from zoo.exports.placement import cpu_only_ops
from zoo.jpeg import codec_dct
from zoo.jpeg.quantization import SmoothRounding
from zoo.layers import JPEG
from zoo.layers import QualityMap
from zoo.layers import SemanticJPEG


def of_blocks(values):
    """A map of pixels whose blocks have the values as their means."""
    return np.kron(np.asarray(values, "float32"), np.ones((8, 8), "float32"))


def test_deciles_are_the_released_codes():
    """Its rule by hand: quality 20 below the first decile, 100 at the top."""
    blocks = np.random.default_rng(0).permutation(200).reshape(1, 10, 20)
    deciles = [np.percentile(blocks, share) for share in range(10, 101, 10)]
    expected = np.empty(blocks.shape)
    for place, value in np.ndenumerate(blocks):
        level = next((i for i, d in enumerate(deciles) if value < d), 9)
        expected[place] = 10 * min(level + 2, 10)
    qualities = np.asarray(QualityMap()(of_blocks(blocks / 200)))
    np.testing.assert_array_equal(qualities, expected)
    assert qualities.max() == qualities[blocks == 199] == 100
    found, counts = np.unique(qualities, return_counts=True)
    np.testing.assert_array_equal(found, np.arange(20, 101, 10))
    np.testing.assert_array_equal(counts, [20] * 8 + [40])


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 1000),
    levels=st.integers(2, 12),
    rows=st.integers(1, 5),
    columns=st.integers(1, 5),
)
def test_levels_are_ranks(seed, levels, rows, columns):
    """Of scipy.stats: equal blocks are where the lowest of them would be."""
    rng = np.random.default_rng(seed)
    # Sums of these are exact in float32, so that equal blocks stay equal.
    blocks = rng.integers(0, 5, (2, rows, columns)) / 4
    layer = QualityMap(1, 1 + 2 * (levels - 1), levels)
    for quality, saliency in zip(
        np.asarray(layer(of_blocks(blocks))), blocks, strict=True
    ):
        less_salient = (
            stats.rankdata(saliency, "min").reshape(rows, columns) - 1
        )
        shares = less_salient * (levels + 1)
        level = shares // max(1, rows * columns - 1)
        level = np.minimum(level, levels - 1)
        if saliency.max() > saliency.min():
            level[saliency == saliency.max()] = levels - 1
        np.testing.assert_array_equal(quality, 1 + 2 * level)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.9])
def test_a_mask_has_two_qualities(share):
    blocks = np.zeros((1, 10, 10))
    blocks.flat[: int(100 * share)] = 1
    expected = np.where(blocks, 100, 20)
    np.testing.assert_array_equal(QualityMap()(of_blocks(blocks)), expected)


def test_a_flat_map_has_the_lowest_quality():
    for value in (0.0, 0.5, 1.0):
        flat = np.full((1, 16, 24), value, "float32")
        np.testing.assert_array_equal(
            QualityMap()(flat), np.full((1, 2, 3), 20)
        )


def test_linear_levels_are_equal_steps():
    blocks = [[[0.0, 0.1, 0.3, 0.5, 0.76, 0.999, 1.0]]]
    qualities = QualityMap(10, 70, 4, "linear")(of_blocks(blocks))
    np.testing.assert_array_equal(qualities, [[[10, 10, 30, 50, 70, 70, 70]]])


@pytest.mark.parametrize("rule", ["decile", "linear"])
def test_nan_has_the_lowest_quality(rule):
    qualities = QualityMap(rule=rule)(np.full((1, 8, 16), np.nan, "float32"))
    np.testing.assert_array_equal(qualities, [[[20, 20]]])


def test_maps_are_averaged_over_blocks():
    saliency = np.random.default_rng(3).random((2, 16, 24), "float32")
    means = saliency.reshape(2, 2, 8, 3, 8).mean((2, 4))
    qualities = QualityMap(1, 100, 100, "linear")(saliency)
    np.testing.assert_array_equal(qualities, 1 + np.floor(100 * means))


def test_last_blocks_repeat_the_maps_edge():
    saliency = np.zeros((1, 8, 9), "float32")
    saliency[..., 8] = 1.0
    qualities = QualityMap(rule="linear")(saliency)
    np.testing.assert_array_equal(qualities, [[[20, 100]]])


@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_compresses_as_jpeg_with_the_map(subsampling):
    pixels = as_pixels(paint(2, 37, 50))
    saliency = np.random.default_rng(1).random((2, 37, 50), "float32")
    layer = SemanticJPEG(30, 90, subsampling=subsampling)
    expected = JPEG(subsampling=subsampling)(
        pixels, quality_map=QualityMap(30, 90)(saliency)
    )
    np.testing.assert_array_equal(layer(pixels, saliency), expected)


def test_one_quality_is_plain_jpeg():
    pixels = as_pixels(paint(1, 20, 28, 1))
    saliency = pixels[..., 0]
    np.testing.assert_array_equal(
        SemanticJPEG(40, 40, gradient="soft")(pixels, saliency),
        JPEG(40, gradient="soft")(pixels),
    )


def test_the_map_is_held_unless_its_gradient_is_soft():
    pixels = as_pixels(paint(1, 24, 24))
    saliency = np.random.default_rng(2).random((1, 24, 24), "float32")

    def gradients(layer):
        inputs = [tf.constant(pixels), tf.constant(saliency)]
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = layer(*inputs)
            total = tf.reduce_sum(outputs * pixels[:, ::-1])
        return outputs, *tape.gradient(total, inputs)

    held, through_pixels, none = gradients(SemanticJPEG())
    soft, same, slope = gradients(SemanticJPEG(quality_gradient="soft"))
    assert none is None
    np.testing.assert_array_equal(soft, held)
    np.testing.assert_array_equal(same, through_pixels)
    assert np.abs(slope).max() > 0


def test_soft_gradient_is_the_smoothed_ones():
    """Against a difference between two qualities, a small step apart."""
    pixels = as_pixels(paint(1, 16, 16, seed=5))
    weights = pixels[:, :, ::-1] - 0.5
    quality = np.full((1, 2, 2), 30.0, "float32")
    step = 1 / 64
    before, ahead = (
        codec_dct.compress(pixels, tf.constant(q), "4:4:4", SmoothRounding())
        for q in (quality, quality + step)
    )
    layer = JPEG(subsampling="4:4:4", quality_gradient="soft")
    slope = gradient_of(
        lambda q: layer(pixels, quality_map=q), quality, weights
    )
    expected = np.sum((ahead - before) * weights) / step
    assert abs(expected) > 1e-3
    np.testing.assert_allclose(slope.sum(), expected, rtol=0.02)


def test_slope_of_the_quality_map_is_the_ranges():
    saliency = np.random.default_rng(4).random((1, 16, 9), "float32")
    slope = gradient_of(QualityMap(30, 80), saliency, np.ones((1, 2, 2)))
    expected = np.full((1, 16, 9), 50 / 64)
    expected[..., 8] = 50 / 8  # It is its whole block.
    np.testing.assert_allclose(slope, expected, rtol=1e-5)


def test_every_operation_has_a_gpu_kernel_at_any_size():
    layer = SemanticJPEG(quality_gradient="soft")

    @tf.function(
        input_signature=[
            tf.TensorSpec((None, None, None, 3)),
            tf.TensorSpec((None, None, None)),
        ]
    )
    def compress(images, saliency):
        return layer(images, saliency)

    graph = compress.get_concrete_function().graph
    assert cpu_only_ops(graph.as_graph_def()) == {}
    for shape in ((1, 1, 1), (2, 21, 35)):
        pixels = (
            as_pixels(paint(*shape))
            if shape[1] > 1
            else np.ones((*shape, 3), "float32")
        )
        saliency = pixels.mean(-1)
        np.testing.assert_array_equal(
            compress(pixels, saliency), layer(pixels, saliency)
        )


def test_a_saved_model_with_both(tmp_path):
    images, saliency = keras.Input((24, 40, 3)), keras.Input((24, 40))
    layer = SemanticJPEG(25, 95, 5, "linear", "4:4:4", quality_gradient="soft")
    model = keras.Model([images, saliency], layer(images, saliency))
    model.save(tmp_path / "model.keras")
    restored = keras.saving.load_model(tmp_path / "model.keras")
    assert restored.layers[-1].get_config() == layer.get_config()
    assert layer.gradient == "straight_through"
    assert layer.compute_output_shape((2, 24, 40, 3), (2, 24, 40)) == (
        *(2, 24, 40, 3),
    )
    pixels = as_pixels(paint(2, 24, 40))
    inputs = [pixels, pixels.mean(-1)]
    np.testing.assert_array_equal(restored(inputs), model(inputs))
    assert QualityMap().compute_output_shape((None, 17, None)) == (
        *(None, 3, None),
    )


@pytest.mark.large
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_backends_agree(backend, tmp_path):
    pytest.importorskip(backend)
    pixels = as_pixels(paint(2, 26, 44))
    np.save(tmp_path / "pixels.npy", pixels)
    script = """
import sys
import numpy as np
from keras import ops
from zoo.layers import SemanticJPEG

pixels = np.load(sys.argv[1])
compressed = SemanticJPEG()(pixels, pixels.mean(-1))
np.save(sys.argv[1], ops.convert_to_numpy(compressed))
"""
    subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "pixels.npy")],
        env={**os.environ, "KERAS_BACKEND": backend},
        cwd=ROOT,
        check=True,
        timeout=120,
    )
    np.testing.assert_allclose(
        np.load(tmp_path / "pixels.npy"),
        SemanticJPEG()(pixels, pixels.mean(-1)),
        atol=1e-6,
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_quality": 0}, "quality must be"),
        ({"max_quality": 10}, "above max_quality.*max_quality=10"),
        ({"levels": 1}, "levels must be.*Received: levels=1"),
        ({"levels": 2.5}, "Received: levels=2.5"),
        ({"rule": "median"}, "'decile', 'linear'.*rule='median'"),
        ({"subsampling": "4:1:1"}, "subsampling='4:1:1'"),
        ({"quality_gradient": "hard"}, "quality_gradient='hard'"),
    ],
)
def test_rejects_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        SemanticJPEG(**options)


@pytest.mark.parametrize(
    "shape", [(1, 16, 17), (1, 16), (1, 16, 16, 1), (2, 16, 16)]
)
def test_rejects_maps_of_another_size(shape):
    with pytest.raises(ValueError, match="saliency map must be.*Received"):
        SemanticJPEG()(np.zeros((1, 16, 16, 3), "f4"), np.zeros(shape, "f4"))


def test_rejects_maps_of_another_rank():
    with pytest.raises(ValueError, match="saliency map must be.*Received"):
        QualityMap()(np.zeros((1, 16), "float32"))
