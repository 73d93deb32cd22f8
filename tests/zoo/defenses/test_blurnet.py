"""BlurNet around other models."""

import keras
import numpy as np
import pytest
from keras import layers

from tests.layer_contract import check_saving
from zoo import models
from zoo.defenses.blurnet import blurnet
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
    defended = blurnet(stack(), l_inf=0.2, total_variation=0.1)
    defended(IMAGES)
    assert len(defended.losses) == 2
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
    assert kinds == {LInf, TotalVariation}


def test_pixels_are_moved_to_the_models_range():
    model = stack()
    defended = blurnet(model, start="identity", pixel_range=(-1, 1))
    np.testing.assert_allclose(
        defended(IMAGES), model(2 * IMAGES - 1), atol=1e-4
    )


def regularised():
    """A model with a penalty on its first feature maps."""
    return keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.Conv2D(2, 3, activity_regularizer="l2", name="first"),
            layers.Flatten(),
            layers.Dense(5),
        ]
    )


def test_a_penalty_of_the_users_own_is_kept():
    model = regularised()
    defended = blurnet(model)
    model(IMAGES), defended(IMAGES)
    np.testing.assert_allclose(defended.losses, model.losses, rtol=1e-5)


def test_a_second_penalty_does_not_replace_the_users():
    with pytest.raises(ValueError, match="must be None. Received: first"):
        blurnet(regularised(), total_variation=0.1)


def test_the_penalty_alone_is_a_defense():
    model = stack()
    defended = blurnet(model, kernel_size=None, total_variation=0.1)
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
