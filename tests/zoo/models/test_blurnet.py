"""BlurNet: where it filters, what it learns, what it costs."""

import keras
import numpy as np
import pytest

from tests.layer_contract import check_saving
from zoo.layers import Blur
from zoo.models import blurnet
from zoo.models import lisa_cnn

IMAGES = np.random.default_rng(0).random((2, 32, 32, 3), "float32")


@pytest.mark.parametrize("size", [3, 5, 7])
def test_learned_filters_add_one_filter_a_map(size):
    assert blurnet(size).count_params() == 726_354 + 64 * size**2


@pytest.mark.parametrize("blur", ["box", "gaussian"])
@pytest.mark.parametrize("place", ["features", "input"])
def test_fixed_filters_add_no_weights(blur, place):
    assert blurnet(5, blur, place=place).count_params() == 726_354


def test_features_are_filtered_after_their_relu():
    plain, filtered = lisa_cnn(), blurnet(3, "box")
    filtered.set_weights(plain.get_weights())
    maps = keras.Model(plain.input, plain.get_layer("conv1").output)(IMAGES)
    got = keras.Model(filtered.input, filtered.get_layer("blur").output)(IMAGES)
    np.testing.assert_allclose(got, Blur(3, "box")(maps), atol=1e-5)
    assert np.asarray(maps).min() == 0
    assert (
        filtered.get_layer("conv2").input is filtered.get_layer("blur").output
    )


def test_filtering_the_input_is_filtering_the_images():
    plain, filtered = lisa_cnn(), blurnet(5, "gaussian", place="input")
    filtered.set_weights(plain.get_weights())
    blurred = Blur(5, "gaussian", padding="reflect")(IMAGES)
    np.testing.assert_allclose(filtered(IMAGES), plain(blurred), atol=1e-5)


def test_without_a_filter_it_is_lisa_cnn():
    plain, bare = lisa_cnn(), blurnet(None, total_variation=1e-4)
    bare.set_weights(plain.get_weights())
    np.testing.assert_array_equal(bare(IMAGES), plain(IMAGES))


def test_penalties_are_the_papers():
    model = blurnet(
        3, l_inf=0.1, total_variation=0.01, kernel_total_variation=0.2
    )
    maps = keras.Model(model.input, model.get_layer("conv1").output)(IMAGES)
    maps = np.asarray(maps, "float64")
    variation = (
        np.abs(np.diff(maps, axis=1)).sum()
        + np.abs(np.diff(maps, axis=2)).sum()
    )
    kernel = model.get_layer("blur").depthwise_kernel.numpy()
    largest = np.abs(kernel).max((0, 1)).mean()
    first = model.get_layer("conv1").kernel.numpy()
    kernel_variation = sum(
        np.abs(np.diff(first, axis=axis)).sum() for axis in (0, 1)
    )
    model(IMAGES)
    np.testing.assert_allclose(
        sorted(float(loss) for loss in model.losses),
        sorted(
            [
                0.1 * largest,
                0.01 * variation / (2 * 64),
                0.2 * kernel_variation / (3 * 64),
            ]
        ),
        rtol=1e-4,
    )


def test_saving_keeps_filters_and_penalties(tmp_path):
    model = blurnet(
        5, l_inf=0.1, total_variation=0.01, kernel_total_variation=0.2
    )
    check_saving(model, IMAGES, tmp_path / "blurnet.keras")
    restored = keras.saving.load_model(tmp_path / "blurnet.keras")
    assert restored.get_layer("blur").kernel_regularizer.alpha == 0.1
    assert restored.get_layer("conv1").activity_regularizer.alpha == 0.01
    assert restored.get_layer("conv1").kernel_regularizer.alpha == 0.2


def test_constrained_filters_are_mean_filters_at_most():
    """A softmax's largest weight is a 25th if all of them are alike."""
    model = blurnet(5, start="box", l_inf=25.0, constraint="softmax")
    np.testing.assert_allclose(model.losses, [1.0], rtol=1e-5)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"blur": "median"}, "blur must be one of.*'median'"),
        ({"place": "output"}, "place must be one of.*'output'"),
        ({"blur": "box", "l_inf": 0.1}, "learned filters.*blur='box'"),
        ({"kernel_size": None, "l_inf": 0.1}, "kernel_size=None"),
        ({"kernel_size": None, "constraint": "softmax"}, "kernel_size=None"),
        ({"blur": "box", "constraint": "softmax"}, "'softmax'"),
        ({"kernel_size": 4}, "kernel_size=4"),
        ({"l_inf": -0.1}, "alpha=-0.1"),
        ({"kernel_total_variation": -0.1}, "alpha=-0.1"),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        blurnet(**options)
