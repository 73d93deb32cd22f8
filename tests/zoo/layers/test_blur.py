"""The blur against NumPy, SciPy and a convolution written out."""

import math

import keras
import numpy as np
import pytest
from scipy import ndimage
from scipy import special
from scipy.signal import windows

from tests.layer_contract import check_layer
from zoo.layers import Blur
from zoo.layers.blur import gaussian_kernel
from zoo.regularizers import LInf

IMAGES = np.random.default_rng(0).random((2, 9, 8, 3), "float32")


@pytest.mark.parametrize("size, sigma", [(3, 0.8), (5, 1.1), (7, 1.4)])
def test_gaussian_takes_opencvs_sigma(size, sigma):
    """Of `cv2.getGaussianKernel(size, 0)`, by its documented rule."""
    weights = [
        math.exp(-((i - (size - 1) / 2) ** 2) / (2 * sigma**2))
        for i in range(size)
    ]
    profile = np.array(weights) / sum(weights)
    np.testing.assert_allclose(
        gaussian_kernel(size), np.outer(profile, profile), atol=1e-7
    )


def test_gaussian_values():
    """exp(-1 / 1.28) = 0.45783; divided by 1 + 2 of it, 0.23899."""
    side, centre = 0.2389942, 0.5220115
    np.testing.assert_allclose(
        gaussian_kernel(3)[1],
        [side * centre, centre**2, side * centre],
        atol=1e-6,
    )


@pytest.mark.parametrize("sigma", [0.5, 2.0])
def test_gaussian_is_scipys(sigma):
    profile = windows.gaussian(7, sigma)
    expected = np.outer(profile, profile)
    np.testing.assert_allclose(
        gaussian_kernel(7, sigma), expected / expected.sum(), atol=1e-6
    )


@pytest.mark.parametrize(
    "padding, mode", [("zeros", "constant"), ("reflect", "mirror")]
)
@pytest.mark.parametrize("size", [3, 5])
def test_box_is_scipys(size, padding, mode):
    expected = ndimage.uniform_filter(
        IMAGES.astype("float64"), (0, size, size, 0), mode=mode
    )
    blurred = Blur(size, "box", padding=padding)(IMAGES)
    np.testing.assert_allclose(np.asarray(blurred), expected, atol=1e-6)


def test_learned_filters_are_one_per_channel():
    layer = Blur(3, "zeros", learned=True)
    layer.build(IMAGES.shape)
    kernel = np.random.default_rng(1).normal(size=(3, 3, 3, 1))
    layer.set_weights([kernel])
    expected = np.stack(
        [
            ndimage.correlate(image, kernel[:, :, c, 0], mode="constant")
            for image in IMAGES.astype("float64")
            for c, image in enumerate(np.moveaxis(image, -1, 0))
        ]
    ).reshape(2, 3, 9, 8)
    np.testing.assert_allclose(
        np.asarray(layer(IMAGES)), np.moveaxis(expected, 1, -1), atol=1e-5
    )


def test_fixed_filters_own_no_weights_even_when_unfrozen():
    layer = Blur(3)
    layer(IMAGES)
    layer.trainable = True
    assert layer.weights == []


@pytest.mark.parametrize("start", ["box", "gaussian", "identity"])
def test_learned_filters_start_where_told(start):
    learned, fixed = Blur(5, start, learned=True), Blur(5, start)
    np.testing.assert_allclose(learned(IMAGES), fixed(IMAGES), atol=1e-6)
    assert learned.trainable_weights[0].shape == (5, 5, 3, 1)


@pytest.mark.parametrize(
    "name, kind", [("l_inf", LInf), ("l2", keras.regularizers.L2)]
)
def test_penalties_by_name(name, kind):
    """The zoo's, with their own strength, and Keras' own."""
    layer = Blur(3, learned=True, kernel_regularizer=name)
    layer(IMAGES)
    assert type(layer.kernel_regularizer) is kind
    np.testing.assert_allclose(
        layer.losses, [kind()(layer.depthwise_kernel)], rtol=1e-6
    )


def test_a_softmax_makes_filters_that_sum_to_one():
    layer = Blur(3, "zeros", learned=True, constraint="softmax")
    layer.build(IMAGES.shape)
    logits = np.random.default_rng(1).normal(size=(3, 3, 3, 1))
    layer.set_weights([logits])
    expected = special.softmax(logits, axis=(0, 1))
    np.testing.assert_allclose(np.asarray(layer.filters), expected, rtol=1e-5)
    free = Blur(3, "zeros", learned=True)
    free.build(IMAGES.shape)
    free.set_weights([expected])
    np.testing.assert_allclose(layer(IMAGES), free(IMAGES), atol=1e-6)


@pytest.mark.parametrize("constraint", ["non_negative", "softmax"])
@pytest.mark.parametrize("start", ["box", "gaussian"])
def test_constrained_filters_start_where_told(start, constraint):
    learned = Blur(5, start, learned=True, constraint=constraint)
    np.testing.assert_allclose(
        learned(IMAGES), Blur(5, start)(IMAGES), atol=1e-6
    )


def test_a_penalty_is_that_of_the_softmax():
    """The largest weight of nine that are alike is a ninth."""
    layer = Blur(
        3, learned=True, constraint="softmax", kernel_regularizer=LInf(0.9)
    )
    layer.build(IMAGES.shape)
    layer.set_weights([np.full((3, 3, 3, 1), -7.0)])
    np.testing.assert_allclose(layer.losses, [0.1], rtol=1e-6)


def test_filters_stay_non_negative():
    """From the start on, where the gradient pulls them down too."""
    layer = Blur(
        3,
        keras.initializers.RandomNormal(seed=1),
        learned=True,
        constraint="non_negative",
    )
    layer.build(IMAGES.shape)
    start = np.asarray(layer.depthwise_kernel)
    assert start.min() == 0 < start.max()
    model = keras.Sequential([keras.Input(IMAGES.shape[1:]), layer])
    model.compile(keras.optimizers.SGD(1.0), "mse")
    model.fit(IMAGES, -IMAGES, verbose=0)
    after = np.asarray(layer.filters)
    assert not np.array_equal(after, start)
    assert after.min() == 0


def test_identity_changes_nothing():
    blurred = Blur(7, "identity", padding="reflect")(IMAGES)
    np.testing.assert_array_equal(blurred, IMAGES)


@pytest.mark.parametrize(
    "options",
    [
        {"kernel": "box"},
        {"kernel": "gaussian", "sigma": 0.7, "padding": "reflect"},
        {"kernel": "gaussian", "learned": True},
        {
            "kernel": keras.initializers.RandomNormal(seed=1),
            "learned": True,
            "kernel_regularizer": LInf(0.1),
        },
        {"learned": True, "kernel_regularizer": "l_inf"},
        {"learned": True, "constraint": "non_negative"},
        {
            "learned": True,
            "constraint": "softmax",
            "kernel_regularizer": "l_inf",
        },
    ],
    ids=[
        *("box", "gaussian", "learned", "initialised", "named"),
        *("non-negative", "softmax"),
    ],
)
def test_contract(options, tmp_path):
    check_layer(Blur(3, **options), IMAGES, tmp_path / "blur.keras")


@pytest.mark.parametrize(
    "options, message",
    [
        ({"kernel_size": 4}, "must be odd.*kernel_size=4"),
        ({"kernel_size": 0}, "odd whole number.*kernel_size=0"),
        ({"kernel_size": 2.5}, "odd whole number.*kernel_size=2.5"),
        ({"kernel": "median"}, "kernel must be.*'median'"),
        ({"kernel": "glorot_uniform"}, "kernel must be"),
        ({"sigma": 1.0}, "Gaussian's alone.*kernel='box'"),
        ({"kernel": "gaussian", "sigma": 0.0}, "sigma must be positive"),
        ({"padding": "valid"}, "padding must be one of.*'valid'"),
        ({"kernel_regularizer": "l2"}, "learned filters alone"),
        ({"learned": True, "kernel_regularizer": "linf"}, "mean 'l_inf'"),
        ({"constraint": "softmax"}, "learned filters alone.*'softmax'"),
        ({"learned": True, "constraint": "simplex"}, "Received: .*'simplex'"),
        (
            {"learned": True, "kernel": "identity", "constraint": "softmax"},
            "cannot start at the identity",
        ),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        Blur(**options)


def test_input_must_be_of_rank_four():
    with pytest.raises(ValueError, match="takes .batch, height, width"):
        Blur()(np.zeros((2, 8, 3)))
