"""IRM: its parts, its randomness, its contract."""

import itertools

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


def test_without_qualities_the_ensemble_sees_the_images(images):
    options = dict(depth=10, width=1, scales=(16,), scale_weights=(1.0,))
    model = irm(**options, image_shape=(28, 28, 1), qualities=None)
    assert [layer.name for layer in model.layers] == ["image", "ensemble"]
    first = model.predict(images, verbose=0)
    np.testing.assert_array_equal(first, model.predict(images, verbose=0))


@pytest.mark.parametrize("qualities", [None, (60,)])
def test_reads_images_of_any_size(qualities):
    options = dict(depth=10, width=1, scales=(16, 20), scale_weights=(1, 1))
    model = irm(**options, image_shape=(None, None, 3), qualities=qualities)
    for size in ((28, 28), (33, 47), (40, 24)):
        images = np.random.default_rng(0).random((2, *size, 3), "float32")
        known = irm(**options, image_shape=(*size, 3), qualities=qualities)
        known.set_weights(model.get_weights())
        np.testing.assert_allclose(
            model.predict(images, verbose=0),
            known.predict(images, verbose=0),
            atol=1e-4,
        )


@pytest.mark.parametrize(
    "image_shape, qualities",
    [((8, 8, 4), (60,)), ((8, 8), (60,)), ((8, 8), None)],
)
def test_image_shape_is_checked(image_shape, qualities):
    with pytest.raises(ValueError, match="batch, height, width.*None, 8, 8"):
        irm(depth=10, width=1, image_shape=image_shape, qualities=qualities)


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


def small_irm():
    return irm(
        depth=10,
        width=1,
        image_shape=(28, 28, 1),
        scales=(16,),
        scale_weights=(1.0,),
    )


def test_models_without_a_seed_draw_their_own_noise(images):
    """So do the calls of one model."""
    draw = [
        small_irm().get_layer("compression")._draw_quality_map for _ in range(2)
    ]
    maps = [np.asarray(draw[i](images)) for i in (0, 0, 1, 1)]
    for one, other in itertools.combinations(maps, 2):
        assert not np.array_equal(one, other)


def test_the_global_seed_fixes_a_model_without_one(images):
    """It stands for all that Python's `random` decides."""

    def compressed(seed):
        keras.utils.set_random_seed(seed)
        return np.asarray(small_irm().get_layer("compression")(images))

    np.testing.assert_array_equal(compressed(0), compressed(0))
    assert not np.array_equal(compressed(0), compressed(1))


def test_compression_keeps_256_levels_under_a_mixed_policy(images):
    keras.config.set_dtype_policy("mixed_bfloat16")
    model = small_irm()
    compressed = keras.Model(
        model.input, model.get_layer("compression").output
    )(images)
    assert compressed.dtype == "float32"
    levels = 255 * np.asarray(compressed)
    np.testing.assert_allclose(levels, np.round(levels), atol=1e-3)
    assert len(np.unique(np.round(levels))) > 200
    assert model.get_layer("ensemble").compute_dtype == "bfloat16"
    assert model.predict(images, verbose=0).dtype == "float32"
