"""IRM around other models: the same numbers, the given model untouched."""

import keras
import numpy as np
import pytest
from keras import layers

import zoo
from zoo import exports
from zoo.inspection import all_layers
from zoo.training import AdversarialTrainer
from zoo.training import attacks


@pytest.fixture
def images():
    return np.random.default_rng(0).random((4, 24, 24, 3), "float32")


def users_model():
    return keras.Sequential(
        [
            keras.Input((24, 24, 3)),
            layers.Rescaling(2.0, offset=-1.0),
            layers.Conv2D(4, 3, padding="same", activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.Conv2D(6, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Dropout(0.5),
            layers.Flatten(),
            layers.Dense(8, activation="relu"),
            layers.Dense(5, activation="softmax"),
        ],
        name="users",
    )


def mobile_net(**options):
    return keras.applications.MobileNetV2(
        weights=None,
        input_shape=(96, 96, 3),
        **{"alpha": 0.35, "classes": 7} | options,
    )


def classifier_of(defended):
    return defended.get_layer("ensemble").classifier


def test_a_defended_wide_resnet_is_the_zoos_irm():
    """Same layers, same sizes, same defaults: the same logits."""
    defended = zoo.defend(zoo.load("wrn16_2"), "irm", seed=3)
    published = zoo.load("irm_wrn16_2", seed=3)
    # The head's two weights come last in both.
    defended.set_weights(published.get_weights())
    images = np.random.default_rng(0).random((3, 28, 28, 1), "float32")
    np.testing.assert_allclose(
        defended.predict(images, verbose=0),
        published.predict(images, verbose=0),
        atol=1e-5,
    )


def test_features_keep_their_weights_and_the_given_model_its_own(images):
    model = users_model()
    for weight in model.weights:  # Batch statistics, too.
        weight.assign(keras.random.uniform(weight.shape, 0.1, 0.5))
    before = model.get_weights()
    expected = keras.Model(model.inputs[0], model.layers[4].output)(images)
    defended = zoo.defend(model, "irm")
    extractor = classifier_of(defended).get_layer("features")
    np.testing.assert_allclose(extractor(images), expected, atol=1e-6)
    own = {id(layer) for layer in all_layers(model)}
    assert not own & {id(layer) for layer in all_layers(defended)}
    for weight in defended.weights:
        weight.assign(keras.ops.zeros(weight.shape))
    for weight, value in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, value)


def test_defaults_follow_the_models_own_size():
    ensemble = zoo.defend(users_model(), "irm").get_layer("ensemble")
    assert ensemble.scales == (17, 21, 24)
    assert ensemble.scale_weights == (0.1, 0.3, 1.0)
    # Stride 2 once the last pooling is gone: 8 pixels have room for four.
    assert ensemble.classifier.get_layer("pooling").bins == (1, 2, 4)
    defended = zoo.defend(mobile_net(), "irm")
    assert defended.get_layer("ensemble").scales == (69, 82, 96)
    assert classifier_of(defended).get_layer("pooling").bins == (1, 2)
    assert defended.get_layer("compression").qualities == (40, 60, 80, 90)


def strided(side):
    """Its features halve `side` pixels to one, and take no fewer."""
    halvings = [
        layers.Conv2D(4, 2, strides=2) for _ in range(side.bit_length() - 1)
    ]
    return keras.Sequential(
        [
            keras.Input((side, side, 3)),
            *halvings,
            layers.GlobalAveragePooling2D(),
            layers.Dense(5),
        ],
        name="strided",
    )


def test_default_scales_are_those_that_fit():
    ensemble = zoo.defend(strided(16), "irm").get_layer("ensemble")
    assert (ensemble.scales, ensemble.scale_weights) == ((16,), (1.0,))
    images = np.random.default_rng(0).random((2, 16, 16, 3), "float32")
    assert np.isfinite(ensemble(images)).all()
    weighted = zoo.defend(strided(16), "irm", scale_weights=(3.0, 2.0, 1.0))
    assert weighted.get_layer("ensemble").scale_weights == (1.0,)
    large = zoo.defend(
        strided(16), "irm", image_shape=(20, 24, 3), scale_weights=(3, 2, 1)
    ).get_layer("ensemble")
    assert (large.scales, large.scale_weights) == ((17, 20), (2.0, 1.0))


@pytest.mark.parametrize(
    ("options", "fit"),
    [
        ({"scales": (8, 16, 32)}, (16, 32)),
        ({"scales": (8, 9)}, (16,)),
        ({"image_shape": (12, 24, 3)}, (16,)),
    ],
)
def test_an_error_names_scales_that_fit(options, fit):
    with pytest.raises(ValueError, match="16 pixels or more") as caught:
        zoo.defend(strided(16), "irm", **options)
    weights = (1.0,) * len(fit)
    assert f"`scales={fit}, scale_weights={weights}`" in str(caught.value)
    smallest = options.get("scales", (9,))[0]
    assert f", of which {smallest} fails: " in str(caught.value)
    options = {"scales": fit, "scale_weights": weights}
    scales = zoo.defend(strided(16), "irm", **options).get_layer("ensemble")
    assert scales.scales == fit


def test_options_reach_their_layers(images):
    defended = zoo.defend(
        users_model(),
        "irm",
        scales=(12, 16),
        scale_weights=(1.0, 0.5),
        qualities=(50,),
        pooling_bins=(1, 3),
        num_classes=9,
        image_shape=(32, 40, 3),
        pixel_range=(-1, 1),
        seed=0,
    )
    assert defended.input_shape == (None, 32, 40, 3)
    assert defended.output_shape == (None, 9)
    ensemble = defended.get_layer("ensemble")
    assert (ensemble.scales, ensemble.scale_weights) == ((12, 16), (1.0, 0.5))
    classifier = ensemble.classifier
    assert classifier.get_layer("pooling").bins == (1, 3)
    moved = keras.Model(
        classifier.input, classifier.get_layer("pixel_range").output
    )
    np.testing.assert_allclose(moved(images), 2 * images - 1, atol=1e-6)


def check_life(defended, images, path):
    """Trains one step, saves, loads, exports: the same logits throughout."""
    classes = defended.output_shape[-1]
    labels = np.arange(len(images)) % classes
    before = defended.get_weights()
    trainer = AdversarialTrainer(defended, attacks.ddn(steps=1, max_norm=1.0))
    trainer.compile(keras.optimizers.SGD(0.01))
    history = trainer.fit(images, labels, batch_size=len(images), verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    moved = [
        not np.array_equal(old, new)
        for old, new in zip(before, defended.get_weights(), strict=True)
    ]
    assert np.mean(moved) > 0.9  # A dead unit's weights may stay.
    defended.save(path / "defended.keras")
    first, second = (
        keras.saving.load_model(path / "defended.keras") for _ in range(2)
    )
    logits = first.predict(images, verbose=0)
    np.testing.assert_array_equal(second.predict(images, verbose=0), logits)
    np.testing.assert_allclose(np.exp(logits).sum(-1), 1.0, atol=1e-5)
    report = exports.save(
        defended, path / "served", signatures=["serving_default"], warmup=False
    )
    assert report.stochastic


@pytest.mark.large
def test_a_users_sequential_trains_saves_loads_and_exports(images, tmp_path):
    defended = zoo.defend(users_model(), "irm", seed=1)
    check_life(defended, images, tmp_path)
    restored = keras.saving.load_model(tmp_path / "defended.keras")
    fresh = zoo.defend(users_model(), "irm", seed=1)
    fresh.set_weights(defended.get_weights())
    np.testing.assert_array_equal(
        restored.predict(images, verbose=0), fresh.predict(images, verbose=0)
    )


@pytest.mark.large
def test_mobile_net_trains_saves_loads_and_exports(tmp_path):
    model = keras.applications.MobileNetV2(
        weights=None, input_shape=(96, 96, 3), classes=7
    )
    defended = zoo.defend(model, "irm")
    images = np.random.default_rng(0).random((4, 96, 96, 3), "float32")
    assert defended.predict(images, verbose=0).shape == (4, 7)
    check_life(defended, images, tmp_path)


@pytest.mark.large
@pytest.mark.parametrize(
    "builder, channels",
    [
        ("ConvNeXtTiny", 768),
        ("DenseNet121", 1024),
        ("EfficientNetB0", 1280),
        ("EfficientNetV2B0", 1280),
        ("InceptionV3", 2048),
        ("MobileNet", 1024),
        ("MobileNetV3Small", 576),
        ("NASNetMobile", 1056),
        ("ResNet50", 2048),
        ("ResNet50V2", 2048),
        ("VGG16", 512),
        ("Xception", 2048),
    ],
)
def test_keras_applications(builder, channels):
    model = getattr(keras.applications, builder)(
        weights=None, input_shape=(224, 224, 3), classes=3
    )
    defended = zoo.defend(model, "irm", pixel_range=(0, 255))
    assert defended.get_layer("ensemble").scales == (160, 192, 224)
    features = classifier_of(defended).get_layer("features")
    assert features.output_shape[-1] == channels
    images = np.random.default_rng(0).random((1, 224, 224, 3), "float32")
    assert np.isfinite(defended.predict(images, verbose=0)).all()


@pytest.mark.large
@pytest.mark.parametrize(
    "builder", ["ConvNeXtTiny", "DenseNet121", "MobileNetV3Small"]
)
def test_keras_applications_at_32_pixels(builder):
    model = getattr(keras.applications, builder)(
        weights=None, input_shape=(32, 32, 3), classes=3
    )
    defended = zoo.defend(model, "irm", pixel_range=(0, 255))
    ensemble = defended.get_layer("ensemble")
    assert (ensemble.scales, ensemble.scale_weights) == ((32,), (1.0,))
    images = np.random.default_rng(0).random((1, 32, 32, 3), "float32")
    assert np.isfinite(defended.predict(images, verbose=0)).all()


@pytest.mark.parametrize(
    "options, message",
    [
        ({"scales": (8, 2)}, "smallest map has 1 pixels a side"),
        ({"scales": ()}, "side lengths"),
        ({"scales": (8, 12)}, "of equal length"),
        ({"pooling_bins": ()}, "bins must be"),
        ({"num_classes": 1}, "two classes or more"),
        ({"image_shape": (24, 24, 1)}, "the 3 channels of users"),
        ({"pixel_range": (255, 0)}, "the lower first"),
        ({"qualities": (0,)}, "quality"),
    ],
)
def test_options_out_of_range(options, message):
    options = {"pooling_bins": (1, 2)} | options
    with pytest.raises(ValueError, match=message) as caught:
        zoo.defend(users_model(), "irm", **options)
    assert "Received: " in str(caught.value)
