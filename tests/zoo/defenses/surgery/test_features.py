"""Where a classifier is cut, and what cannot be."""

import keras
import numpy as np
import pytest
from keras import layers

import zoo
from zoo.defenses.surgery.features import Features
from zoo.defenses.surgery.graph import classifier_graph

INPUT = (16, 16, 3)


def sequential(*stack):
    return keras.Sequential([keras.Input(INPUT), *stack])


def conv(filters=4, **options):
    return layers.Conv2D(filters, 3, padding="same", **options)


def backbone(pooling=None):
    images = keras.Input(INPUT)
    maps = conv(5, strides=2, name="last")(images)
    if pooling:
        maps = layers.GlobalAveragePooling2D()(maps)
    return keras.Model(images, maps, name="backbone")


def nested_with_preprocessing():
    """Preprocessing, then a whole classifier inside."""
    images = keras.Input(INPUT)
    inner = sequential(
        conv(5, strides=2), layers.GlobalMaxPooling2D(), layers.Dense(4)
    )
    return keras.Model(images, layers.Softmax()(inner(images * 2.0 - 1.0)))


def two_poolings():
    images = keras.Input(INPUT)
    maps = conv(5, strides=2)(images)
    pooled = layers.Concatenate()(
        [
            layers.GlobalAveragePooling2D()(maps),
            layers.GlobalMaxPooling2D()(maps),
        ]
    )
    return keras.Model(images, layers.Dense(4)(pooled))


def mean_of_the_map():
    images = keras.Input(INPUT)
    maps = conv(5, strides=2)(images)
    return keras.Model(
        images, layers.Dense(4)(keras.ops.mean(maps, axis=(1, 2)))
    )


def convolutional_head():
    return sequential(
        conv(5, strides=2),
        layers.GlobalAveragePooling2D(keepdims=True),
        layers.Conv2D(4, 1),
        layers.Flatten(),
        layers.Activation("softmax"),
    )


@pytest.mark.parametrize(
    "model",
    [
        sequential(
            conv(5, strides=2), layers.GlobalAveragePooling2D(), layers.Dense(4)
        ),
        sequential(conv(5, strides=2), layers.Flatten(), layers.Dense(4)),
        # The last pooling is the pyramid's.
        sequential(
            conv(5, strides=2),
            layers.MaxPooling2D(),
            layers.Dropout(0.1),
            layers.Flatten(),
            layers.Dense(9, activation="relu"),
            layers.Dense(4),
        ),
        sequential(backbone(), layers.GlobalMaxPooling2D(), layers.Dense(4)),
        sequential(backbone(pooling=True), layers.Dense(4)),
        nested_with_preprocessing(),
        two_poolings(),
        mean_of_the_map(),
        convolutional_head(),
        # A sequence of pixels from which nothing is learned.
        sequential(
            conv(5, strides=2),
            layers.Reshape((64, 5)),
            layers.GlobalAveragePooling1D(),
            layers.Dense(4),
        ),
    ],
)
def test_the_last_map(model):
    features = Features.from_graph(classifier_graph(model))
    assert features.num_classes == 4
    extractor = features.extractor
    assert extractor.output_shape == (None, None, None, 5)
    assert extractor.compute_output_shape((None, 20, 12, 3))[1:3] == (10, 6)


def test_a_map_of_one_pixel_is_the_poolings_input():
    model = sequential(
        conv(5, strides=16), layers.GlobalAveragePooling2D(), layers.Dense(4)
    )
    extractor = Features.from_graph(classifier_graph(model)).extractor
    assert extractor.compute_output_shape((None, 64, 64, 3))[1:3] == (4, 4)


def test_preprocessing_and_frozen_layers_are_kept():
    model = nested_with_preprocessing()
    model.trainable = False
    extractor = Features.from_graph(classifier_graph(model)).extractor
    assert not extractor.trainable_weights
    kernel, _ = model.get_weights()[:2]
    images = np.random.default_rng(0).random((2, *INPUT), "float32")
    expected = keras.ops.conv(2 * images - 1, kernel, strides=2, padding="same")
    np.testing.assert_allclose(extractor(images), expected, atol=1e-5)


def test_a_model_without_a_head_needs_a_number_of_classes():
    for pooling in (None, True):
        model = backbone(pooling)
        with pytest.raises(ValueError, match="give `num_classes`.*backbone"):
            zoo.defend(model, "irm")
        defended = zoo.defend(model, "irm", num_classes=6)
        assert defended.output_shape == (None, 6)


class Subclassed(keras.Model):
    def call(self, images):
        return keras.ops.mean(images, axis=(1, 2))


class OwnCall(keras.Sequential):
    def call(self, images, training=None, mask=None):
        return super().call(images) + 1.0


class Unconfigured(layers.Layer):
    def __init__(self, size):
        super().__init__()
        self.size = size

    def call(self, maps):
        return maps


def several_inputs():
    one, two = keras.Input(INPUT), keras.Input(INPUT)
    maps = layers.Add()([conv()(one), conv()(two)])
    return keras.Model([one, two], layers.GlobalMaxPooling2D()(maps))


def several_outputs():
    images = keras.Input(INPUT)
    maps = conv()(images)
    return keras.Model(images, [maps, layers.GlobalMaxPooling2D()(maps)])


def several_maps():
    images = keras.Input(INPUT)
    one = conv(name="one")(images)
    two = conv(name="two")(one)
    pool = layers.GlobalMaxPooling2D()
    return keras.Model(
        images, layers.Dense(2)(layers.Concatenate()([pool(one), pool(two)]))
    )


def tokens(*learned):
    """A map read as a sequence of pixels."""
    return sequential(
        conv(),
        layers.Reshape((256, 4)),
        *learned,
        layers.Dense(3, name="head"),
    )


def dense_tail(*stack):
    return sequential(
        *stack, layers.GlobalMaxPooling2D(), layers.Dense(2, name="dense")
    )


@pytest.mark.parametrize(
    "build, message",
    [
        (Subclassed, "needs the graph.*of Subclassed"),
        (
            lambda: keras.Sequential([layers.Flatten(), layers.Dense(2)]),
            "Sequential one with a keras.Input",
        ),
        (
            lambda: OwnCall([keras.Input(INPUT), layers.GlobalMaxPooling2D()]),
            "call is not overridden.*OwnCall",
        ),
        (several_inputs, "one input and one output.*2 inputs"),
        (several_outputs, "one input and one output.*2 outputs"),
        (several_maps, "from one spatial feature map.*one, two"),
        (
            lambda: sequential(layers.Flatten(), layers.Dense(2)),
            "learned layers before a spatial feature map",
        ),
        (
            lambda: zoo.load("irm_wrn16_2", weights=None),
            "learned layers before a spatial feature map",
        ),
        (
            lambda: tokens(
                layers.Conv1D(4, 3, name="mixing"),
                layers.GlobalAveragePooling1D(),
            ),
            "no learned layers on sequences.*layer mixing of Conv1D",
        ),
        (
            lambda: tokens(layers.GRU(4, name="reading")),
            "no learned layers on sequences.*layer reading of GRU",
        ),
        (
            lambda: dense_tail(conv(), layers.LayerNormalization((1, 2))),
            "maps of any size.*of LayerNormalization",
        ),
        (
            lambda: dense_tail(conv(), layers.Lambda(lambda maps: maps)),
            "from its configuration.*of Lambda",
        ),
        (
            lambda: dense_tail(conv(), Unconfigured(3)),
            "from its configuration.*of Unconfigured",
        ),
        (
            lambda: keras.Sequential(
                [keras.Input((8, 8, 4)), conv(), layers.GlobalMaxPooling2D()]
            ),
            "one channel or three.*8, 8, 4",
        ),
        (
            lambda: keras.Sequential([keras.Input((8,)), layers.Dense(2)]),
            "model of images",
        ),
        (
            lambda: keras.Sequential(
                [keras.Input(INPUT, dtype="uint8"), layers.Flatten()]
            ),
            "floating-point images.*uint8",
        ),
        (
            lambda: keras.Sequential(
                [
                    keras.Input((None, None, 3)),
                    conv(),
                    layers.GlobalMaxPooling2D(),
                    layers.Dense(2),
                ]
            ),
            "choose one by `image_shape`",
        ),
        (
            lambda: sequential(
                conv(), layers.GlobalMaxPooling2D(), layers.Dense(1)
            ),
            "two classes or more.*num_classes=1",
        ),
        (dict, "needs the graph.*of dict"),
    ],
)
def test_what_cannot_be_wrapped_is_refused_with_the_reason(build, message):
    with pytest.raises(ValueError, match=message) as caught:
        zoo.defend(build(), "irm")
    assert "Received: " in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "layer, reason",
    [
        (layers.Reshape((8, 32, 4)), "target_shape"),
        (layers.Conv2D(4, 15, name="wide"), "kernel shape"),
    ],
)
def test_features_that_take_one_scale_alone(layer, reason):
    """The default leaves the others out; asked for, they are refused."""
    model = dense_tail(conv(), layer)
    assert zoo.defend(model, "irm").get_layer("ensemble").scales == (16,)
    message = f"images of every scale.*of which 11 fails: .*{reason}"
    with pytest.raises(ValueError, match=message) as caught:
        zoo.defend(model, "irm", scales=(11, 14, 16))
    assert "scales=(16,), scale_weights=(1.0,)" in str(caught.value)
