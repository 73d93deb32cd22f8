"""JPEG in front of other models."""

import keras
import numpy as np
import pytest
from keras import layers
from scipy.special import softmax

import zoo
from zoo.layers import JPEG

INPUT = (16, 16, 3)


@pytest.fixture
def images():
    return np.random.default_rng(0).random((4, *INPUT), "float32")


def stack(*head):
    """Of logits so large that confidences underflow."""
    return keras.Sequential(
        [
            keras.Input(INPUT),
            layers.Conv2D(4, 3, kernel_initializer="he_normal"),
            layers.Flatten(),
            layers.Dense(5, kernel_initializer="ones"),
            *head,
        ],
        name="users",
    )


def operation():
    model = stack()
    return keras.Model(model.inputs, keras.ops.softmax(model.outputs[0]))


def inside():
    images = keras.Input(INPUT)
    return keras.Model(images, stack(layers.Softmax())(images))


def handed_on_by_a_model():
    """The softmax comes before a model inside that holds nothing."""
    rest = keras.Sequential([keras.Input((5,)), layers.Identity()])
    return stack(layers.Softmax(), rest, layers.Dropout(0.5))


@pytest.mark.parametrize(
    "build",
    [
        stack,
        lambda: stack(layers.Dense(5, activation="softmax")),
        lambda: stack(layers.Activation("softmax")),
        lambda: stack(layers.Softmax()),
        operation,
        inside,
        lambda: stack(layers.Softmax(), layers.Dropout(0.5)),
        lambda: stack(layers.Softmax(), layers.Activation("linear")),
        lambda: stack(
            layers.Reshape((1, 1, 5)), layers.Softmax(), layers.Flatten()
        ),
        handed_on_by_a_model,
    ],
)
def test_logits_of_the_compressed_images(build, images):
    model = build()
    compressed = JPEG(60)(images)
    outputs = np.asarray(model(compressed))
    logits = zoo.defend(model, "jpeg", quality=60).predict(images, verbose=0)
    if build is stack:
        np.testing.assert_allclose(logits, outputs, rtol=1e-5)
    else:
        np.testing.assert_allclose(softmax(logits, -1), outputs, atol=1e-5)
        assert np.abs(logits.sum(-1) - 1).min() > 1e-3
    assert np.isfinite(logits).all()


def test_the_given_model_is_left_alone(images):
    model = stack(layers.Softmax())
    before = model.get_weights()
    outputs = np.asarray(model(images))
    defended = zoo.defend(model, "jpeg")
    for weight in defended.weights:
        weight.assign(keras.ops.zeros(weight.shape))
    for weight, value in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, value)
    np.testing.assert_array_equal(model(images), outputs)


def test_several_qualities_are_drawn_for_parts():
    defended = zoo.defend(stack(), "jpeg", quality=(20, 90), seed=1)
    compression = defended.get_layer("compression")
    assert (compression.qualities, compression.seed) == ((20, 90), 1)
    assert compression.grid == (2, 2)


def test_pixel_range_comes_after_the_compression(images):
    model = stack()
    defended = zoo.defend(model, "jpeg", quality=80, pixel_range=(0, 255))
    expected = model(255 * JPEG(80)(images))
    np.testing.assert_allclose(
        defended.predict(images, verbose=0), expected, rtol=1e-4
    )


def test_saving(images, tmp_path):
    defended = zoo.defend(stack(), "jpeg", quality=(40, 60), seed=2)
    defended.save(tmp_path / "model.keras")
    restored = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        restored.predict(images, verbose=0), defended.predict(images, verbose=0)
    )


@pytest.mark.parametrize(
    "model, message",
    [
        (stack(layers.Dense(1)), "two or more logits.*users"),
        (stack(layers.Reshape((5, 1))), "one row.*5, 1"),
        (
            stack(layers.Dense(5, activation="sigmoid", name="end")),
            "logits or softmax.*layer end",
        ),
        (
            stack(
                layers.Dense(5, activation="sigmoid", name="end"),
                layers.Dropout(0.5),
            ),
            "logits or softmax.*layer end",
        ),
        (
            stack(
                layers.Dense(6),
                layers.Reshape((2, 3)),
                layers.Softmax(name="two"),
                layers.Flatten(),
            ),
            "over all classes.*6 classes, whose layer two",
        ),
    ],
)
def test_no_classifiers(model, message):
    with pytest.raises(ValueError, match=message):
        zoo.defend(model, "jpeg")


class Shrinking(layers.Dense):
    """Says that it has one unit fewer than it has."""

    def get_config(self):
        return super().get_config() | {"units": self.units - 1}


def test_a_copy_that_differs_is_refused_for_the_right_reason():
    model = stack(Shrinking(6, name="odd"))
    with pytest.raises(ValueError, match="configuration. Received: layer odd"):
        zoo.defend(model, "jpeg")


@keras.saving.register_keras_serializable(package="tests")
class Subclassed(keras.Model):
    """Says what it computes only when it is called."""

    def __init__(self, classes=5, activation=None, **options):
        super().__init__(**options)
        self.conv = layers.Conv2D(4, 3, kernel_initializer="he_normal")
        self.pool = layers.GlobalAveragePooling2D()
        self.head = layers.Dense(classes, activation)
        self.sign = 1

    def call(self, images):
        return self.sign * self.head(self.pool(self.conv(images)))


class Unsaid(Subclassed):
    """Is made from an object that no configuration can hold."""

    def __init__(self, marker):
        super().__init__()
        self.marker = marker


def test_a_subclassed_model(images, tmp_path):
    model = Subclassed()
    outputs = model(images)
    defended = zoo.defend(model, "jpeg", quality=60)
    assert defended.input_shape == (None, *INPUT)
    np.testing.assert_allclose(
        defended(images), model(JPEG(60)(images)), rtol=1e-4, atol=1e-6
    )
    defended.save(tmp_path / "model.keras")
    restored = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(restored(images), defended(images))
    for weight in defended.weights:
        weight.assign(keras.ops.zeros(weight.shape))
    np.testing.assert_array_equal(model(images), outputs)


def test_a_sequential_model_that_is_not_built(images):
    softmax = layers.Dense(5, activation="softmax")
    model = keras.Sequential([layers.Flatten(), softmax])
    with pytest.raises(ValueError, match="told the images' shape"):
        zoo.defend(model, "jpeg")
    logits = zoo.defend(model, "jpeg", quality=60, image_shape=INPUT)(images)
    np.testing.assert_allclose(
        keras.ops.softmax(logits), model(JPEG(60)(images)), atol=1e-5
    )


def test_the_images_shape_may_be_told(images):
    assert zoo.defend(
        Subclassed(), "jpeg", image_shape=(20, 24, 3)
    ).input_shape == (None, 20, 24, 3)
    pixels = keras.Input((None, 16, 3))
    open_height = keras.Model(
        pixels, layers.Dense(5)(layers.GlobalAveragePooling2D()(pixels))
    )
    told = zoo.defend(open_height, "jpeg", image_shape=INPUT)
    assert told.input_shape == (None, *INPUT)
    for wrong in ((16, 20, 3), (16, 16), (16, 0, 3)):
        with pytest.raises(ValueError, match="Received: image_shape="):
            zoo.defend(open_height, "jpeg", image_shape=wrong)


def changed():
    """A copy from the configuration would have the other sign."""
    model = Subclassed()
    model.sign = -1
    return model


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Subclassed(activation="softmax"), "softmax at its end away"),
        (Subclassed(classes=1), "two or more logits"),
        (changed(), "whose copy computes something else"),
        (Unsaid(object()), "build again from its configuration"),
    ],
)
def test_subclassed_models_that_are_refused(model, message, images):
    model(images)
    with pytest.raises(ValueError, match=message) as caught:
        zoo.defend(model, "jpeg")
    assert "Received: " in str(caught.value)


@pytest.mark.parametrize("defense", ["irm", "blurnet"])
def test_the_graph_that_other_defenses_ask_for(defense, images):
    model = Subclassed()
    model(images)
    with pytest.raises(ValueError, match=r"keras.Model\(inputs, mine.call"):
        zoo.defend(model, defense)
    inputs = keras.Input(INPUT)
    called = keras.Model(inputs, model.call(inputs))
    assert zoo.defend(called, defense)(images).shape == (4, 5)


def test_quality_out_of_range():
    with pytest.raises(ValueError, match="quality.*Received"):
        zoo.defend(stack(), "jpeg", quality=101)
