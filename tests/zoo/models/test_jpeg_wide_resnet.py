"""A Wide ResNet behind JPEG: its parts, its contract."""

import keras
import numpy as np
import pytest

from zoo.inspection import is_stochastic
from zoo.layers import JPEG
from zoo.models import jpeg_wide_resnet

SMALL = dict(depth=10, width=1, num_classes=4, image_shape=(16, 16, 1))


@pytest.fixture
def images():
    return np.random.default_rng(0).random((6, 16, 16, 1), "float32")


def test_is_the_network_on_compressed_images(images):
    model = jpeg_wide_resnet(**SMALL, qualities=(20,))
    compressed = model.get_layer("compression")(images)
    assert np.abs(np.asarray(compressed) - images).max() > 0.1
    np.testing.assert_allclose(
        model(images), model.get_layer("wide_resnet")(compressed), atol=1e-5
    )


def test_one_quality_is_plain_jpeg(images):
    model = jpeg_wide_resnet(**SMALL, strides=2, qualities=20)
    compression = model.get_layer("compression")
    assert isinstance(compression, JPEG) and compression.quality == 20
    assert not is_stochastic(model)
    classifier = model.get_layer("wide_resnet")
    assert classifier.get_layer("conv1").strides == (2, 2)
    np.testing.assert_allclose(
        model(images), classifier(JPEG(20)(images)), atol=1e-5
    )


def test_paper_size():
    """WRN-28-10 of 110 classes without a pyramid: 36,543,294 weights."""
    model = jpeg_wide_resnet()
    assert model.input_shape == (None, 299, 299, 3)
    assert model.get_layer("compression").qualities == (40, 60, 80, 90)
    count = sum(int(np.prod(w.shape)) for w in model.trainable_weights)
    assert count == 36_543_294


def test_levels_survive_a_mixed_policy(images):
    keras.config.set_dtype_policy("mixed_bfloat16")
    model = jpeg_wide_resnet(**SMALL)
    assert model.get_layer("compression").compute_dtype == "float32"
    assert model.get_layer("wide_resnet").compute_dtype == "bfloat16"
    assert model(images).dtype == "float32"


def test_saving_keeps_weights_and_options(images, tmp_path):
    model = jpeg_wide_resnet(**SMALL, qualities=(20,))
    model.save(tmp_path / "model.keras")
    restored = keras.saving.load_model(tmp_path / "model.keras")
    assert restored.get_layer("compression").qualities == (20,)
    np.testing.assert_allclose(
        restored.predict(images, verbose=0),
        model.predict(images, verbose=0),
        atol=1e-5,
    )
