"""The layers of Mind's Eye, by hand-made numbers."""

import keras
import numpy as np
import pytest

from tests.layer_contract import check_layer
from tests.layer_contract import check_saving
from zoo.layers import ClassPlanes
from zoo.layers import Clip
from zoo.layers import FoldClasses
from zoo.layers import MeanSimilarity
from zoo.layers import RepeatForClasses
from zoo.layers import RowConv2D
from zoo.layers import Threshold
from zoo.layers import UnfoldClasses

RNG = np.random.default_rng(0)
IMAGES = RNG.random((4, 5, 6, 2), "float32")


@pytest.mark.parametrize(
    "layer, images",
    [
        (UnfoldClasses(2), IMAGES),
        (FoldClasses(), IMAGES),
        (Clip(0.2, 0.7), IMAGES),
        (Threshold(0.3, dtype=None), IMAGES[:, 0, 0]),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_contract(layer, images, tmp_path):
    if isinstance(layer, UnfoldClasses | FoldClasses | Clip):
        check_layer(layer, images, tmp_path / "x.keras")
    inputs = keras.Input(images.shape[1:])
    model = keras.Model(inputs, layer(inputs))
    check_saving(model, images, tmp_path / "y.keras")


def test_images_are_repeated_class_after_class():
    images, one_hot = RepeatForClasses(3)(IMAGES)
    np.testing.assert_array_equal(images, np.repeat(IMAGES, 3, axis=0))
    np.testing.assert_array_equal(one_hot, np.tile(np.eye(3), (4, 1)))
    shapes = RepeatForClasses(3).compute_output_shape(IMAGES.shape)
    assert shapes == (images.shape, one_hot.shape)


def test_unfolding_undoes_the_repetition():
    images, _ = RepeatForClasses(3)(IMAGES)
    unfolded = UnfoldClasses(3)(images)
    for place in range(3):
        np.testing.assert_array_equal(unfolded[:, place], IMAGES)
    np.testing.assert_array_equal(FoldClasses()(unfolded), images)


def test_planes_are_constant():
    planes = ClassPlanes()([IMAGES, np.eye(4, dtype="float32")])
    np.testing.assert_array_equal(planes[..., :2], IMAGES)
    expected = np.eye(4)[:, None, None] * np.ones((4, 5, 6, 4))
    np.testing.assert_array_equal(planes[..., 2:], expected)


def test_clip_passes_the_gradient_straight_through():
    import tensorflow as tf

    values = tf.constant([-3.0, 0.25, 1e9])
    with tf.GradientTape() as tape:
        tape.watch(values)
        clipped = Clip(0.0, 1.0)(values)
    np.testing.assert_array_equal(clipped, [0, 0.25, 1])
    np.testing.assert_array_equal(tape.gradient(clipped, values), [1, 1, 1])


@pytest.mark.parametrize("shape", [(3, 12, 14, 3), (2, 5, 4, 1)])
def test_row_convolution_is_a_convolution(shape, tmp_path):
    images = RNG.random(shape, "float32")
    layer = RowConv2D(7, (5, 4), activation="relu")
    plain = keras.layers.Conv2D(
        7, (5, 4), activation="relu", data_format="channels_last"
    )
    plain.build(shape)
    layer.build(shape)
    layer.set_weights(plain.get_weights())
    np.testing.assert_allclose(layer(images), plain(images), atol=1e-5)
    inputs = keras.Input((None, None, shape[-1]))
    model = keras.Model(inputs, layer(inputs))
    check_saving(model, images, tmp_path / "x.keras")


@pytest.mark.parametrize(
    "options",
    [
        dict(padding="same"),
        dict(strides=2),
        dict(dilation_rate=2),
        dict(data_format="channels_first"),
    ],
)
def test_row_convolution_refuses_other_convolutions(options):
    with pytest.raises(ValueError, match=f"Received: .*{next(iter(options))}"):
        RowConv2D(4, 3, **options)


def _mean_similarity(similarity, alpha, patch):
    """The paper's formula, patch by patch."""
    rows, columns = similarity.shape
    weights = np.array(
        [
            [alpha[i : i + patch, j : j + patch].mean() for j in range(columns)]
            for i in range(rows)
        ]
    )
    return (similarity * weights).sum() / weights.sum()


def test_mean_similarity_is_weighted_by_alpha():
    alpha = RNG.random((2, 3, 9, 8), "float32") ** 3
    similarity = RNG.random((2, 3, 6, 5), "float32")
    scores = MeanSimilarity(4)([similarity, alpha])
    expected = [
        [_mean_similarity(similarity[b, c], alpha[b, c], 4) for c in range(3)]
        for b in range(2)
    ]
    np.testing.assert_allclose(scores, expected, rtol=1e-5)


def test_similarity_where_nothing_is_drawn_does_not_count():
    alpha = np.zeros((1, 2, 9, 8), "float32")
    alpha[0, 0, :3, :3] = 0.5
    similarity = RNG.random((1, 2, 6, 5), "float32")
    before = MeanSimilarity(4)([similarity, alpha])
    similarity[0, 0, 4:] = 1.0
    similarity[0, 0, :, 4:] = 1.0
    after = MeanSimilarity(4)([similarity, alpha])
    np.testing.assert_array_equal(before, after)
    assert before[0, 1] == 0  # Drawing nothing proves nothing.


@pytest.mark.parametrize("threshold", [0.2, 0.45, 0.7])
def test_the_largest_logit_is_the_papers_verdict(threshold):
    scores = RNG.random((500, 3), "float32")
    scores[0] = 0, 1, 0
    scores[1] = 0
    scores[2] = threshold, 0, 0.1
    logits = np.asarray(Threshold(threshold)(scores))
    assert np.isfinite(logits).all()
    below = (scores < np.float32(threshold)).all(axis=1)
    expected = np.where(below, 3, scores.argmax(axis=1))
    np.testing.assert_array_equal(logits.argmax(axis=1), expected)
    assert {0, 1, 2, 3} == set(expected)
    inner = (scores > 1e-3) & (scores < 1 - 1e-3)
    np.testing.assert_allclose(
        logits[:, :3][inner],
        np.log(scores[inner] / (1 - scores[inner])),
        rtol=1e-4,
        atol=1e-5,
    )


@pytest.mark.parametrize(
    "layer, options",
    [
        (RepeatForClasses, dict(classes=0)),
        (UnfoldClasses, dict(classes=-1)),
        (Clip, dict(low=1.0, high=1.0)),
        (MeanSimilarity, dict(patch=0)),
        (Threshold, dict(threshold=0.0)),
        (Threshold, dict(threshold=1.0)),
    ],
)
def test_bad_options_are_named(layer, options):
    name, value = next(iter(options.items()))
    with pytest.raises(ValueError, match=f"Received: {name}={value}"):
        layer(**options)
