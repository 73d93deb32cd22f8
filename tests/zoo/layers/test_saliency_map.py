"""The folded saliency map against the released code's loop, in NumPy."""

import keras
import numpy as np
import pytest

from tests.saliency import normalised
from tests.saliency import released
from tests.saliency import upsampled
from zoo.layers import SaliencyMap

WEIGHTS = (1 / 2, 1 / 4, 1 / 8, 1 / 16, 1.2 / 16)
SIZE = (24, 40)


@pytest.fixture
def class_maps():
    return np.random.default_rng(0).normal(size=(3, 6, 5, 9)).astype("float32")


@pytest.fixture
def images():
    return np.zeros((3, *SIZE, 3), "float32")


def test_top_five_are_folded_as_released(class_maps, images):
    expected = np.stack([released(maps, SIZE) for maps in class_maps])
    folded = SaliencyMap()(class_maps, images)
    np.testing.assert_allclose(folded, expected, atol=1e-5)


@pytest.mark.parametrize(
    "size", [(6, 5), (7, 9), (12, 10), (13, 31), (4, 3), (60, 5)]
)
def test_ranges_are_those_of_the_upsampled_maps(class_maps, size):
    """Whole and broken factors, larger and smaller than the maps."""
    expected = np.stack([released(maps, size) for maps in class_maps])
    folded = SaliencyMap()(class_maps, np.zeros((3, *size, 3), "float32"))
    np.testing.assert_allclose(folded, expected, atol=1e-5)


def test_weights_of_the_five_classes(images):
    """Each class lights a cell of its own: its weight can be read there."""
    maps = np.zeros((1, 4, 8, 6), "float32")
    for rank in range(5):
        maps[0, 1, rank, rank] = 10 - rank
    maps[0, 2, 7, :] = -1  # The lowest of all: 0 after normalising.
    folded = np.asarray(SaliencyMap()(maps, np.zeros((1, 4, 8, 3))))[0]
    cams = [normalised(maps[0, ..., rank]) for rank in range(5)]
    expected = sum(w * cam for w, cam in zip(WEIGHTS, cams, strict=True))
    np.testing.assert_allclose(folded, normalised(expected), atol=1e-6)


@pytest.mark.parametrize("classes", [1, 2, 4])
def test_fewer_classes_than_five(images, classes):
    maps = np.random.default_rng(1).normal(size=(3, 6, 5, classes))
    expected = np.stack([released(one, SIZE) for one in maps])
    folded = SaliencyMap()(maps.astype("float32"), images)
    np.testing.assert_allclose(folded, expected, atol=1e-5)


@pytest.mark.parametrize("threshold", [None, 0.0, 0.1])
def test_threshold_is_on_the_mean_of_a_map(class_maps, images, threshold):
    expected = []
    for maps in class_maps:
        kept = maps.mean((0, 1)) > (-np.inf if threshold is None else threshold)
        assert threshold is None or 0 < kept.sum() < 9
        expected.append(normalised(upsampled(maps[..., kept].sum(-1), SIZE)))
    folded = SaliencyMap("threshold", threshold)(class_maps, images)
    np.testing.assert_allclose(folded, expected, atol=1e-5)


def test_draws_are_averaged_before_the_last_normalising(class_maps):
    images = np.zeros((1, *SIZE, 3), "float32")
    raw = []
    for maps in class_maps:
        best = np.argsort(maps.mean((0, 1)))[::-1][:5]
        cams = [normalised(upsampled(maps[..., c], SIZE)) for c in best]
        raw.append(sum(w * c for w, c in zip(WEIGHTS, cams, strict=True)))
    folded = SaliencyMap(draws=3)(class_maps, images)
    expected = normalised(np.mean(raw, 0))[None]
    np.testing.assert_allclose(folded, expected, atol=1e-5)


def test_constant_maps_become_zero(images):
    for fold in ("top5", "threshold"):
        folded = SaliencyMap(fold)(np.ones((3, 2, 2, 6), "float32"), images)
        np.testing.assert_array_equal(folded, np.zeros((3, *SIZE)))
    above = SaliencyMap("threshold", 2.0)(np.ones((3, 2, 2, 6)), images)
    np.testing.assert_array_equal(above, np.zeros((3, *SIZE)))


def test_sizes_left_open(class_maps, images, tmp_path):
    maps, pixels = keras.Input((None, None, 9)), keras.Input((None, None, 3))
    model = keras.Model([maps, pixels], SaliencyMap()(maps, pixels))
    assert model.output_shape == (None, None, None)
    expected = SaliencyMap()(class_maps, images)
    given = [class_maps, images]
    np.testing.assert_allclose(
        model.predict(given, verbose=0), expected, atol=1e-6
    )
    model.save(tmp_path / "model.keras")
    restored = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(restored(given), expected, atol=1e-6)


def test_half_precision_maps_are_folded_in_full(class_maps, images):
    layer = SaliencyMap(dtype="mixed_bfloat16")
    folded = layer(keras.ops.cast(class_maps, "bfloat16"), images)
    assert keras.backend.standardize_dtype(folded.dtype) == "float32"


@pytest.mark.parametrize(
    "options, message",
    [
        ({"fold": "top4"}, "fold must be one of.*'top4'"),
        ({"threshold": 0.5}, "belongs to fold='threshold'.*0.5"),
        ({"draws": 0}, "draws must be.*0"),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        SaliencyMap(**options)
