"""BlurNet around other models."""

import keras
import numpy as np
import pytest
from keras import layers

from tests.layer_contract import check_saving
from zoo import models
from zoo.defenses.blurnet import blurnet
from zoo.regularizers import KernelTotalVariation
from zoo.regularizers import LInf
from zoo.regularizers import TotalVariation

IMAGES = np.random.default_rng(0).random((3, 32, 32, 3), "float32")


def stack(*head):
    return keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.Conv2D(4, 3, strides=2),
            layers.ReLU(),
            layers.Flatten(),
            layers.Dense(5),
            *head,
        ],
        name="users",
    )


def test_lisa_cnn_becomes_the_zoos_blurnet():
    plain = models.lisa_cnn()
    defended = blurnet(plain, kernel_size=5, blur="box")
    built = models.blurnet(5, "box")
    built.set_weights(plain.get_weights())
    np.testing.assert_allclose(defended(IMAGES), built(IMAGES), atol=1e-5)


def test_an_identity_start_keeps_the_models_answers():
    model = stack()
    defended = blurnet(model, kernel_size=3, start="identity")
    np.testing.assert_allclose(defended(IMAGES), model(IMAGES), atol=1e-5)
    assert defended.count_params() == model.count_params() + 4 * 9
    assert defended.name == "blurnet_users"


def test_a_softmax_goes_and_the_users_model_stays():
    model = stack(layers.Softmax())
    before = model.get_config()
    defended = blurnet(model, start="identity", total_variation=0.1)
    np.testing.assert_allclose(
        keras.ops.softmax(defended(IMAGES)), model(IMAGES), atol=1e-5
    )
    assert model.get_config() == before
    own = {id(weight) for weight in model.weights}
    assert not own & {id(weight) for weight in defended.weights}


def test_penalties_join_the_losses_and_survive_saving(tmp_path):
    defended = blurnet(
        stack(), l_inf=0.2, total_variation=0.1, kernel_total_variation=0.3
    )
    defended(IMAGES)
    assert len(defended.losses) == 3
    check_saving(defended, IMAGES, tmp_path / "blurnet.keras")
    restored = keras.saving.load_model(tmp_path / "blurnet.keras")
    defended(IMAGES), restored(IMAGES)
    np.testing.assert_allclose(restored.losses, defended.losses, rtol=1e-5)
    kinds = {
        type(penalty)
        for layer in restored._flatten_layers()
        for penalty in (
            layer.activity_regularizer,
            getattr(layer, "kernel_regularizer", None),
        )
        if penalty is not None
    }
    assert kinds == {KernelTotalVariation, LInf, TotalVariation}


def test_pixels_are_moved_to_the_models_range():
    model = stack()
    defended = blurnet(model, start="identity", pixel_range=(-1, 1))
    np.testing.assert_allclose(
        defended(IMAGES), model(2 * IMAGES - 1), atol=1e-4
    )


def regularised(place):
    """A model with a penalty at its first convolution."""
    return keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.Conv2D(2, 3, **{place: "l2"}, name="first"),
            layers.Flatten(),
            layers.Dense(5),
        ]
    )


@pytest.mark.parametrize(
    "place", ["activity_regularizer", "kernel_regularizer"]
)
def test_a_penalty_of_the_users_own_is_kept(place):
    model = regularised(place)
    defended = blurnet(model)
    model(IMAGES), defended(IMAGES)
    np.testing.assert_allclose(defended.losses, model.losses, rtol=1e-5)


@pytest.mark.parametrize(
    ("place", "option"),
    [
        ("activity_regularizer", "total_variation"),
        ("kernel_regularizer", "kernel_total_variation"),
    ],
)
def test_a_second_penalty_does_not_replace_the_users(place, option):
    with pytest.raises(ValueError, match=f"{place}.*None. Received: first"):
        blurnet(regularised(place), **{option: 0.1})


@pytest.mark.parametrize(
    ("convolution", "weight"),
    [
        (layers.Conv2D, "kernel"),
        (layers.DepthwiseConv2D, "kernel"),
        (layers.SeparableConv2D, "depthwise_kernel"),
    ],
)
def test_kernel_total_variation_is_on_the_spatial_filters(
    convolution, weight, tmp_path
):
    given = {} if convolution is layers.DepthwiseConv2D else {"filters": 4}
    model = keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            convolution(kernel_size=3, strides=8, name="first", **given),
            layers.Flatten(),
            layers.Dense(5),
        ]
    )
    defended = blurnet(model, kernel_size=None, kernel_total_variation=0.3)
    expected = KernelTotalVariation(0.3)(
        getattr(model.get_layer("first"), weight)
    )
    defended.save(tmp_path / "defended.keras")
    restored = keras.saving.load_model(tmp_path / "defended.keras")
    assert model.losses == []
    for penalised in (defended, restored):
        np.testing.assert_allclose(penalised.losses, [expected], rtol=1e-6)


@pytest.mark.parametrize(
    "option", ["total_variation", "kernel_total_variation"]
)
def test_the_penalty_alone_is_a_defense(option):
    model = stack()
    defended = blurnet(model, kernel_size=None, **{option: 0.1})
    np.testing.assert_allclose(defended(IMAGES), model(IMAGES), atol=1e-5)
    assert len(defended.losses) == 1


@pytest.mark.parametrize(
    "options, message",
    [
        ({"blur": "median"}, "blur must be one of.*'median'"),
        ({"blur": "box", "l_inf": 0.1}, "learned filters"),
        ({"kernel_size": 2}, "kernel_size=2"),
        ({"kernel_size": None}, "a filter or a penalty.*kernel_size=None"),
        ({"kernel_size": None, "l_inf": 0.1}, "kernel_size=None"),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        blurnet(stack(), **options)
