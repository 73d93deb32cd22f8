"""IRM: its parts, its randomness, its contract."""

import keras
import numpy as np
import pytest

from zoo.models import irm


@pytest.fixture
def model():
    return irm(
        depth=10,
        width=1,
        num_classes=4,
        image_shape=(28, 28, 1),
        scales=(16, 20),
        scale_weights=(1.0, 0.1),
        seed=0,
    )


@pytest.fixture
def images():
    return np.random.default_rng(0).random((6, 28, 28, 1), "float32")


def test_defaults_are_the_papers():
    model = irm(depth=10, width=1)
    assert model.input_shape == (None, 299, 299, 3)
    assert model.output_shape == (None, 110)
    assert model.get_layer("compression").qualities == (40, 60, 80, 90)
    ensemble = model.get_layer("ensemble")
    assert ensemble.scales == (32, 64, 128)
    assert ensemble.scale_weights == (1.0, 0.01, 0.001)
    assert ensemble.classifier.get_layer("pooling").bins == (1, 2, 4)


def test_paper_size():
    """WRN-28-10 with a pyramid: 37,951,294 weights, whatever the scales."""
    model = irm()
    count = sum(int(np.prod(w.shape)) for w in model.trainable_weights)
    assert count == 37_951_294


def test_predictions_are_log_probabilities_of_a_random_model(model, images):
    first = model.predict(images, verbose=0)
    second = model.predict(images, verbose=0)
    assert first.dtype == "float32"
    np.testing.assert_allclose(np.exp(first).sum(axis=-1), 1.0, atol=1e-5)
    assert not np.array_equal(first, second)


def test_saving_keeps_weights_and_options(model, images, tmp_path):
    model.save(tmp_path / "irm.keras")
    restored = keras.saving.load_model(tmp_path / "irm.keras")
    for own, other in zip(model.weights, restored.weights, strict=True):
        np.testing.assert_array_equal(own.numpy(), other.numpy())
    assert restored.get_layer("ensemble").scales == (16, 20)


def test_two_fresh_models_draw_different_noise(images):
    def compressed():
        keras.utils.clear_session()
        return irm(
            depth=10,
            width=1,
            image_shape=(28, 28, 1),
            scales=(16,),
            scale_weights=(1.0,),
        ).get_layer("compression")(images)

    keras.utils.set_random_seed(0)
    first = compressed()
    keras.utils.set_random_seed(1)
    assert not np.array_equal(first, compressed())
