"""Wide ResNets: published sizes and the layer order."""

import keras
import numpy as np
import pytest

from zoo.models import wide_resnet
from zoo.models.wide_resnet import skip_initialization


def trainable(model):
    return sum(int(np.prod(w.shape)) for w in model.trainable_weights)


def test_wrn_28_10_has_the_published_number_of_parameters():
    """36.5 M in table 4 of the paper; 36,479,194 in the authors' code."""
    model = wide_resnet(depth=28, width=10, num_classes=10)
    assert trainable(model) == 36_479_194


def test_wrn_28_10_with_a_pyramid_for_110_classes():
    model = wide_resnet(
        depth=28, width=10, num_classes=110, pooling_bins=(1, 2, 4)
    )
    assert trainable(model) == 37_951_294


def test_maps_pixels_to_float32_logits():
    model = wide_resnet(depth=10, width=1, image_shape=(28, 28, 1))
    assert model.output_shape == (None, 10)
    keras.config.set_dtype_policy("mixed_bfloat16")
    mixed = wide_resnet(depth=10, width=1, image_shape=(28, 28, 1))
    mixed.set_weights(model.get_weights())
    images = np.random.default_rng(0).random((4, 28, 28, 1), "float32")
    expected = model.predict(images, verbose=0)
    logits = mixed.predict(images, verbose=0)
    assert logits.dtype == "float32"
    np.testing.assert_allclose(logits, expected, atol=0.2)


def test_a_pyramid_predicts_images_of_any_size():
    """Keras forgets the sizes when `predict` sees a second one."""
    model = wide_resnet(
        depth=10, width=1, image_shape=(None, None, 3), pooling_bins=(1, 2, 4)
    )
    for size in ((32, 32), (28, 44), (21, 35)):
        images = np.random.default_rng(0).random((2, *size, 3), "float32")
        np.testing.assert_allclose(
            model.predict(images, verbose=0), model(images), atol=1e-5
        )


def test_groups_halve_the_map_twice():
    model = wide_resnet(depth=16, width=2)
    shapes = {
        layer.name: layer.output.shape[1:]
        for layer in model.layers
        if layer.name.endswith("_add")
    }
    assert shapes == {
        "conv2_0_add": (32, 32, 32),
        "conv2_1_add": (32, 32, 32),
        "conv3_0_add": (16, 16, 64),
        "conv3_1_add": (16, 16, 64),
        "conv4_0_add": (8, 8, 128),
        "conv4_1_add": (8, 8, 128),
    }


@pytest.mark.parametrize(
    ("strides", "shapes"),
    [
        (1, [(3, 3), (128, 96), (128, 96), (32, 24)]),
        (2, [(5, 5), (64, 48), (64, 48), (16, 12)]),
        (4, [(5, 5), (64, 48), (32, 24), (8, 6)]),
    ],
)
def test_strides_reduce_large_images_first(strides, shapes):
    model = wide_resnet(
        depth=10, width=1, image_shape=(128, 96, 3), strides=strides
    )
    conv1 = model.get_layer("conv1")
    assert [
        conv1.kernel.shape[:2],
        conv1.output.shape[1:3],
        model.get_layer("conv2_0_add").output.shape[1:3],
        model.get_layer("final_relu").output.shape[1:3],
    ] == shapes


@pytest.mark.parametrize("strides", [0, 3, 8])
def test_strides_must_be_known(strides):
    with pytest.raises(ValueError, match=f"Received: strides={strides}"):
        wide_resnet(depth=10, width=1, strides=strides)


def test_projections_take_the_activated_input():
    model = wide_resnet(depth=10, width=2)
    projection = model.get_layer("conv3_0_projection")
    assert projection.input is model.get_layer("conv3_0_1_relu").output


def test_dropout_sits_between_the_convolutions():
    model = wide_resnet(depth=10, width=1, dropout=0.3)
    dropout = model.get_layer("conv2_0_dropout")
    assert dropout.input is model.get_layer("conv2_0_2_relu").output
    assert model.get_layer("conv2_0_conv2").input is dropout.output


@pytest.mark.parametrize(
    "activation, expected",
    [
        ("relu", lambda x: np.maximum(x, 0)),
        ("silu", lambda x: x / (1 + np.exp(-x))),
    ],
)
def test_activation_follows_the_norms(activation, expected):
    model = wide_resnet(depth=10, width=1, activation=activation)
    x = np.linspace(-3, 3, 7, dtype="float32")
    for place in ("conv2_0_1", "conv4_0_2", "final"):
        layer = model.get_layer(f"{place}_{activation}")
        assert layer.input is model.get_layer(f"{place}_norm").output
        np.testing.assert_allclose(layer(x), expected(x), atol=1e-6)


def test_activation_is_one_of_two():
    with pytest.raises(ValueError, match="Received: activation='gelu'"):
        wide_resnet(depth=10, width=1, activation="gelu")


@pytest.mark.parametrize("depth", [4, 9, 12])
def test_depth_must_be_6n_plus_4(depth):
    with pytest.raises(ValueError, match=f"Received: depth={depth}"):
        wide_resnet(depth=depth)


@pytest.mark.parametrize("dropout", [-0.1, 1.0, float("nan")])
def test_dropout_must_leave_something(dropout):
    with pytest.raises(ValueError, match=f"Received: dropout={dropout}"):
        wide_resnet(depth=10, width=1, dropout=dropout)


def test_width_must_be_positive():
    with pytest.raises(ValueError, match="Received: width=0"):
        wide_resnet(width=0)


def test_initialization_can_be_skipped():
    """But not that of copies, nor the classifying layer's."""

    def build(skip):
        keras.utils.set_random_seed(0)
        with skip_initialization(skip):
            return wide_resnet(depth=10, width=1)

    skipped, drawn = build(True), build(False)
    for layer, other in zip(skipped.layers, drawn.layers, strict=True):
        assert layer.get_config() == other.get_config()
        copied = type(layer).from_config(layer.get_config())
        for one, two in zip(layer.weights, other.weights, strict=True):
            assert one.path == two.path
            if one.path.endswith("/kernel") and layer.name != "logits":
                assert not np.any(one)
                copied.build(layer.input.shape)
                assert np.any(copied.kernel)
            else:
                np.testing.assert_array_equal(one, two)
