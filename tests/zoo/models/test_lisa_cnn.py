"""LISA-CNN: the authors' sizes."""

import keras
import numpy as np
import pytest

from zoo.models import lisa_cnn
from zoo.regularizers import KernelTotalVariation
from zoo.regularizers import TotalVariation


def test_the_published_number_of_parameters():
    model = lisa_cnn()
    assert model.count_params() == 726_354
    assert model.input_shape == (None, 32, 32, 3)
    assert model.output_shape == (None, 18)


@pytest.mark.parametrize(
    "layer, shape",
    [
        ("conv1", (16, 16, 64)),
        ("conv2", (6, 6, 128)),
        ("conv3", (2, 2, 128)),
        ("flatten", (512,)),
    ],
)
def test_the_authors_maps(layer, shape):
    assert lisa_cnn().get_layer(layer).output.shape[1:] == shape


def test_logits_stay_float32_under_a_mixed_policy():
    images = np.random.default_rng(0).random((3, 32, 32, 3), "float32")
    model = lisa_cnn(num_classes=5)
    keras.config.set_dtype_policy("mixed_bfloat16")
    mixed = lisa_cnn(num_classes=5)
    mixed.set_weights(model.get_weights())
    logits = mixed(images)
    assert logits.dtype == "float32"
    np.testing.assert_allclose(logits, model(images), atol=0.05)


def test_penalties_are_on_the_first_convolution():
    """By name, as a configuration has them, or made."""
    model = lisa_cnn(
        feature_regularizer="total_variation",
        kernel_regularizer=KernelTotalVariation(0.3),
    )
    model(np.zeros((2, 32, 32, 3), "float32"))
    conv1 = model.get_layer("conv1")
    assert isinstance(conv1.activity_regularizer, TotalVariation)
    assert len(model.losses) == len(conv1.losses) == 2
    assert min(map(float, model.losses)) == 0  # The maps are constant.
    np.testing.assert_allclose(
        max(map(float, model.losses)),
        KernelTotalVariation(0.3)(conv1.kernel),
        rtol=1e-6,
    )
    with pytest.raises(ValueError, match="Did you mean 'l_inf'"):
        lisa_cnn(kernel_regularizer="linf")


def test_smallest_images():
    assert lisa_cnn(image_shape=(27, 27, 1)).output_shape == (None, 18)
    with pytest.raises(ValueError, match="27 pixels.*26"):
        lisa_cnn(image_shape=(26, 40, 3))
    with pytest.raises(ValueError, match="none left open.*None"):
        lisa_cnn(image_shape=(None, 40, 3))
    with pytest.raises(ValueError, match="num_classes=0"):
        lisa_cnn(num_classes=0)
