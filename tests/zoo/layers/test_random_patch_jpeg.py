"""Random-patch JPEG against the plain codec and its own distribution."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.layer_contract import check_layer
from zoo.exports.placement import cpu_only_ops
from zoo.layers.jpeg import JPEG
from zoo.layers.random_patch_jpeg import RandomPatchJPEG
from zoo.layers.random_patch_jpeg import part_of_each_block
from zoo.loading import dtype_policy

QUALITIES = (10, 35, 70, 95)


def noise(*shape):
    return np.random.default_rng(0).uniform(size=shape).astype("float32")


def qualities_drawn(compressed, images, parts):
    """Returns the quality whose plain result each part of each image has."""
    plain = {q: np.asarray(JPEG(q)(images)) for q in QUALITIES}
    drawn = np.zeros((len(images), len(parts)), int)
    for index, part in itertools.product(range(len(images)), range(len(parts))):
        equal = [
            quality
            for quality in QUALITIES
            if np.array_equal(
                compressed[index][parts[part]],
                plain[quality][index][parts[part]],
            )
        ]
        assert len(equal) == 1
        drawn[index, part] = equal[0]
    return drawn


def quarters(height, width, row, column, gap=0):
    """Parts of an image cut at a pixel, `gap` pixels off the inner borders."""
    rows = (slice(0, row - gap), slice(row + gap, height))
    columns = (slice(0, column - gap), slice(column + gap, width))
    return list(itertools.product(rows, columns))


@pytest.mark.parametrize(
    ("size", "cut"), [((28, 28), (16, 16)), ((17, 48), (16, 24))]
)
def test_each_grey_part_is_plain_jpeg_at_one_quality(size, cut):
    images = noise(24, *size, 1)
    compressed = np.asarray(RandomPatchJPEG(QUALITIES, seed=1)(images))
    drawn = qualities_drawn(compressed, images, quarters(*size, *cut))
    assert set(drawn.ravel()) == set(QUALITIES)
    # Images and parts draw on their own.
    assert len({tuple(row) for row in drawn}) > 12
    assert any(len(set(row)) == 4 for row in drawn)


@pytest.mark.parametrize(
    ("size", "cut"), [((64, 32), (32, 16)), ((56, 40), (32, 32))]
)
def test_each_color_part_is_plain_jpeg_at_one_quality(size, cut):
    images = noise(8, *size, 3)
    compressed = np.asarray(RandomPatchJPEG(QUALITIES, seed=2)(images))
    # Triangle filters reach one pixel across a border of the chroma.
    qualities_drawn(compressed, images, quarters(*size, *cut, gap=1))


def test_draws_are_fair_and_independent():
    layer = RandomPatchJPEG(QUALITIES, seed=3)
    images = noise(400, 16, 16, 1)
    parts = quarters(16, 16, 8, 8)
    drawn = qualities_drawn(np.asarray(layer(images)), images, parts)
    for quality in QUALITIES:
        share = (drawn == quality).mean(axis=0)
        assert np.all(np.abs(share - 0.25) < 0.1)
    for one, other in itertools.combinations(range(4), 2):
        assert abs((drawn[:, one] == drawn[:, other]).mean() - 0.25) < 0.1


def test_draws_anew_at_every_call_in_any_mode():
    images = noise(8, 32, 32, 1)
    layer = RandomPatchJPEG(seed=4)
    model = keras.Sequential([keras.Input((32, 32, 1)), layer])
    compiled = tf.function(layer)
    results = [
        layer(images),
        layer(images),
        model(images, training=False),
        model(images, training=True),
        model.predict(images, verbose=0),
        compiled(images),
        compiled(images),
    ]
    for one, other in itertools.combinations(results, 2):
        assert not np.array_equal(one, other)


def test_seed_fixes_the_sequence():
    images = noise(8, 32, 32, 1)
    one, other = (RandomPatchJPEG(seed=5) for _ in range(2))
    for _ in range(2):
        np.testing.assert_array_equal(one(images), other(images))
    fresh = [RandomPatchJPEG()(images) for _ in range(2)]
    assert not np.array_equal(*fresh)


def test_one_quality_is_plain_jpeg():
    images = noise(2, 37, 51, 3)
    layer = RandomPatchJPEG([70], grid=(3, 2), subsampling="4:4:4")
    np.testing.assert_array_equal(
        layer(images), JPEG(70, subsampling="4:4:4")(images)
    )


@pytest.mark.parametrize("parts", [1, 2, 3])
@pytest.mark.parametrize("size", [3, 8, 17, 28, 32, 40, 224, 299])
@pytest.mark.parametrize("halved", [False, True])
def test_parts_are_contiguous_and_nearly_equal(size, parts, halved):
    index = np.asarray(part_of_each_block(size, parts, halved))
    assert len(index) == -(-size // 8)
    assert index[0] == 0
    assert set(np.diff(index)) <= {0, 1}
    unit = 2 if halved and -(-size // 16) >= parts else 1
    units = index[::unit]
    np.testing.assert_array_equal(units.repeat(unit)[: len(index)], index)
    if len(units) >= parts:
        assert np.ptp(np.bincount(units, minlength=parts)) <= 1


@pytest.mark.parametrize("grid", [(1, 1), (2, 3), (7, 7)])
def test_unknown_sizes_equal_known_ones(grid):
    images = noise(3, 40, 52, 3)
    signature = [tf.TensorSpec((None, None, None, 3))]
    known, unknown = (RandomPatchJPEG(grid=grid, seed=6) for _ in range(2))
    dynamic = tf.function(
        lambda images: unknown(images), input_signature=signature
    )
    np.testing.assert_array_equal(dynamic(images), known(images))


def test_every_operation_has_a_gpu_kernel():
    layer = RandomPatchJPEG()
    for size in (30, None):
        images = tf.TensorSpec((None, size, size, 3))
        graph = tf.function(layer).get_concrete_function(images).graph
        assert cpu_only_ops(graph.as_graph_def()) == {}


def test_gradient_is_that_of_the_codec():
    images = noise(2, 21, 34, 3)
    weights = noise(2, 21, 34, 3)
    gradients = []
    for layer in (RandomPatchJPEG(), JPEG()):
        with tf.GradientTape() as tape:
            pixels = tf.constant(images)
            tape.watch(pixels)
            total = tf.reduce_sum(layer(pixels) * weights)
        gradients.append(tape.gradient(total, pixels))
    np.testing.assert_array_equal(*gradients)


@pytest.mark.parametrize("channels", [1, 3])
def test_keeps_the_promises_of_a_layer(channels, tmp_path):
    layer = RandomPatchJPEG(
        (90, 91), (3, 1), subsampling="4:4:4", gradient="none", seed=7
    )
    # Smooth, so that the two qualities give much the same.
    images = np.linspace(0, 1, 32).reshape(1, 32, 1, 1) * np.ones(
        (2, 32, 24, channels)
    )
    check_layer(layer, images.astype("float32"), tmp_path / "jpeg.keras")
    assert layer.gradient == "none"
    assert layer.stochastic is True


def test_levels_survive_a_mixed_policy():
    images = noise(1, 16, 16, 3)
    expected = RandomPatchJPEG(seed=8)(images)
    with dtype_policy("mixed_bfloat16"):
        decoded = RandomPatchJPEG(seed=8)(images)
    assert decoded.dtype == "float32"
    np.testing.assert_array_equal(decoded, expected)


def test_saves_with_a_model(tmp_path):
    inputs = keras.Input((None, None, 3))
    layer = RandomPatchJPEG((20, 90), (1, 2), seed=8)
    model = keras.Model(inputs, layer(inputs))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    images = noise(4, 16, 48, 3)
    np.testing.assert_array_equal(loaded(images), model(images))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"qualities": ()}, "qualities must .* Received: qualities="),
        ({"qualities": (40, 0)}, "Received: quality=0"),
        ({"grid": (2, 0)}, "grid must .* Received: grid=\\(2, 0\\)"),
        ({"grid": (2,)}, "Received: grid=\\(2,\\)"),
        ({"subsampling": "4:1:1"}, "Received: subsampling='4:1:1'"),
        ({"gradient": "zero"}, "Received: gradient='zero'"),
    ],
)
def test_rejects_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        RandomPatchJPEG(**options)
