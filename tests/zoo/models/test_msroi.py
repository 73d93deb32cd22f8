"""MSROI and Aug-MSROI: the head, the maps, the draws."""

import keras
import numpy as np
import pytest
from keras import layers

from tests.saliency import normalised
from tests.saliency import released
from tests.saliency import upsampled
from zoo.exports.placement import cpu_only_ops
from zoo.inspection import is_stochastic
from zoo.layers import ActivationNoise
from zoo.models import msroi
from zoo.models import msroi_on
from zoo.models import saliency_model
from zoo.models import wide_resnet

HEAD = dict(squeeze=3, multiplier=2, channels=5)
SIZES = dict(depth=10, width=1, num_classes=7, image_shape=(24, 40, 3))


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(0)
    return msroi(**SIZES, **HEAD)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).random((2, 24, 40, 3), "float32")


@pytest.fixture(scope="module")
def augmented(network):
    return saliency_model(network, augmented=True, draws=3, noise=0.5, seed=0)


def test_head_has_the_papers_sizes():
    """On conv5_3's 512 channels: 32, then 32 of each, then 1,024, then 257."""
    features = keras.Sequential(
        [keras.Input((14, 14, 3)), layers.Conv2D(512, 1, name="conv5_3")],
        name="vgg",
    )
    model = msroi_on(features, num_classes=257, features="conv5_3")
    head = {layer.name: layer for layer in model.layers}
    shapes = {
        name: [tuple(w.shape) for w in head[name].weights]
        for name in ("msroi_squeeze", "msroi_expand", "msroi_maps", "logits")
    }
    assert shapes == {
        "msroi_squeeze": [(3, 3, 512, 32), (32,)],
        "msroi_expand": [(3, 3, 32, 32), (1024,)],
        "msroi_maps": [(3, 3, 1024, 1024), (1024,)],
        "logits": [(1024, 257)],
    }
    for name in ("msroi_squeeze", "msroi_expand", "msroi_maps"):
        assert head[name].activation is keras.activations.linear
        assert head[f"{name}_dropout"].rate == 0.3
        assert head[name].output.shape[1:3] == (14, 14)


def test_map_is_the_released_codes(network, images):
    """Classes' maps by the rows of the classifying layer, five best folded."""
    maps = keras.Model(network.inputs[0], network.get_layer("pooling").input)(
        images
    )
    rows = np.asarray(network.get_layer("logits").kernel)
    class_maps = np.asarray(maps) @ rows
    logits = np.asarray(network(images))
    np.testing.assert_allclose(class_maps.mean((1, 2)), logits, atol=1e-4)
    expected = [released(each, (24, 40)) for each in class_maps]
    found = saliency_model(network)(images)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_slides_threshold_is_on_the_logits(network, images):
    maps = keras.Model(network.inputs[0], network.get_layer("pooling").input)(
        images
    )
    rows = np.asarray(network.get_layer("logits").kernel)
    logits = np.asarray(network(images))
    threshold = float(np.median(logits))
    expected = [
        normalised(
            upsampled(features @ rows[:, scores > threshold].sum(1), (24, 40))
        )
        for features, scores in zip(np.asarray(maps), logits, strict=True)
    ]
    found = saliency_model(network, fold="threshold", threshold=threshold)
    np.testing.assert_allclose(found(images), expected, atol=1e-4)


def test_augmented_map_without_noise_is_the_map(network, images):
    still = saliency_model(network, augmented=True, draws=3, noise=0.0)
    expected = saliency_model(network)(images)
    np.testing.assert_allclose(still(images), expected, atol=1e-5)


def test_draws_of_one_batch_are_passes_of_their_own(network, images):
    """Maps of three draws at once against three models of one draw each."""

    def class_maps(draws, samples):
        model = saliency_model(network, augmented=True, draws=draws, noise=0.5)
        for noise in model.layers:
            if isinstance(noise, ActivationNoise):
                sample = samples.setdefault(
                    noise.name,
                    np.random.default_rng(len(samples)).normal(
                        size=(draws, 1, *noise.output.shape[1:])
                    ),
                )
                noise._sample = lambda shape, dtype, sample=sample: (
                    keras.ops.convert_to_tensor(sample, dtype)
                )
        maps = keras.Model(model.inputs[0], model.get_layer("classes").output)
        return np.asarray(maps(images))

    samples = {}
    together = class_maps(3, samples)
    singles = [
        class_maps(1, {k: s[draw : draw + 1] for k, s in samples.items()})
        for draw in range(3)
    ]
    # The noise has the first draw's deviation in every draw.
    np.testing.assert_allclose(together[:2], singles[0], atol=1e-4)
    for draw, single in enumerate(singles):
        mine = together[2 * draw : 2 * draw + 2]
        assert np.corrcoef(mine.ravel(), single.ravel())[0, 1] > 0.99
        others = np.delete(np.arange(3), draw)
        for other in others:
            assert not np.allclose(mine, singles[other], rtol=0.01)


def test_augmented_map_is_random_and_seeded(network, augmented, images):
    assert is_stochastic(augmented)
    assert not is_stochastic(saliency_model(network))
    first, second = augmented(images), augmented(images)
    assert not np.allclose(first, second, atol=1e-3)
    again = saliency_model(network, augmented=True, draws=3, noise=0.5, seed=0)
    np.testing.assert_allclose(again(images), first, atol=1e-5)


def test_maps_are_normalised_for_each_image(augmented, images):
    found = np.asarray(augmented(images))
    assert found.shape == (2, 24, 40)
    np.testing.assert_allclose(found.min((1, 2)), 0, atol=1e-6)
    np.testing.assert_allclose(found.max((1, 2)), 1, atol=1e-6)


def test_the_network_is_left_alone(network, images):
    before = np.asarray(network(images))
    made = saliency_model(network, augmented=True)
    for weight in made.weights:
        weight.assign(keras.ops.zeros(weight.shape, weight.dtype))
    np.testing.assert_array_equal(network(images), before)


def test_graph_has_a_gpu_kernel_and_any_batch(augmented):
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec((None, 24, 40, 3))])
    def forward_and_backward(images):
        with tf.GradientTape() as tape:
            tape.watch(images)
            total = tf.reduce_sum(augmented(images, training=False) ** 2)
        return tape.gradient(total, images)

    graph = forward_and_backward.get_concrete_function().graph
    assert cpu_only_ops(graph.as_graph_def()) == {}
    for batch in (1, 3):
        images = np.random.default_rng(batch).random((batch, 24, 40, 3))
        gradient = forward_and_backward(images.astype("float32"))
        assert np.abs(gradient).max() > 0


def test_any_classifier_with_global_pooling_has_maps(images):
    """Class activation maps; the bias moves no normalised map."""
    model = wide_resnet(**SIZES)
    bias = np.zeros(7, "float32")
    model.get_layer("logits").bias.assign(bias)
    found = saliency_model(model, fold="threshold")(images)
    model.get_layer("logits").bias.assign(bias + 3)
    moved = saliency_model(model, fold="threshold")(images)
    np.testing.assert_allclose(found, moved, atol=1e-4)


@pytest.mark.parametrize("augmented", [False, True])
def test_images_of_any_size(augmented):
    model = msroi(**SIZES | {"image_shape": (None, None, 3)}, **HEAD)
    found = saliency_model(model, augmented=augmented, draws=2)
    images = np.random.default_rng(0).random((2, 21, 35, 3), "float32")
    assert found(images).shape == (2, 21, 35)


@pytest.mark.parametrize(
    "preprocessing", ["none", "raw", "tf", "torch", "caffe"]
)
def test_preprocessing_is_keras_applications_own(preprocessing, images):
    inputs = keras.Input((24, 40, 3))
    identity = keras.Model(
        inputs,
        layers.DepthwiseConv2D(
            1,
            use_bias=False,
            depthwise_initializer="ones",
            name="same",
        )(inputs),
    )
    model = msroi_on(
        identity,
        num_classes=2,
        features="same",
        preprocessing=preprocessing,
        **HEAD,
    )
    seen = keras.Model(model.inputs[0], model.get_layer("msroi_squeeze").input)(
        images
    )
    expected = images
    if preprocessing == "raw":
        expected = images * 255
    elif preprocessing != "none":
        expected = keras.applications.imagenet_utils.preprocess_input(
            images * 255.0, mode=preprocessing
        )
    np.testing.assert_allclose(seen, expected, rtol=1e-4, atol=1e-4)


def test_vgg16_as_in_the_paper():
    """Four poolings before conv5_3; the head on keras.applications' own."""
    vgg = keras.applications.VGG16(
        weights=None, include_top=False, input_shape=(32, 32, 3)
    )
    model = msroi_on(
        vgg,
        num_classes=6,
        features="block5_conv3",
        preprocessing="caffe",
        **HEAD,
    )
    assert model.get_layer("msroi_maps").output.shape == (None, 2, 2, 5)
    images = np.random.default_rng(0).random((2, 32, 32, 3), "float32")
    found = saliency_model(model, augmented=True, draws=2, noise=0.1)
    noises = [x for x in found.layers if isinstance(x, ActivationNoise)]
    # Of 13 convolutions and the head's 3, all but the first read activations.
    assert len(noises) == 15
    assert found(images).shape == (2, 32, 32)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"squeeze": 0}, "squeeze must be.*squeeze=0"),
        ({"multiplier": 1.5}, "multiplier must be.*1.5"),
        ({"dropout": 1}, "dropout must be.*dropout=1"),
        ({"features": "nope"}, "one of .*pooled.*'nope'"),
        ({"features": "pooled"}, "must be maps.*'pooled'"),
        ({"preprocessing": "bgr"}, "preprocessing must be.*'bgr'"),
    ],
)
def test_options_are_checked(options, message):
    inputs = keras.Input((8, 8, 3))
    maps = layers.Conv2D(2, 3)(inputs)
    pooled = layers.GlobalAveragePooling2D(name="pooled")(maps)
    model = keras.Model(inputs, layers.Dense(2)(pooled))
    with pytest.raises(ValueError, match=message):
        msroi_on(model, num_classes=2, **options)


def test_grey_images_have_no_colour_preprocessing():
    inputs = keras.Input((8, 8, 1))
    pooled = layers.GlobalAveragePooling2D()(layers.Conv2D(2, 3)(inputs))
    model = keras.Model(inputs, layers.Dense(2)(pooled))
    with pytest.raises(ValueError, match="three channels.*8, 8, 1"):
        msroi_on(model, num_classes=2, preprocessing="caffe")


def test_a_head_without_global_pooling_is_refused():
    inputs = keras.Input((8, 8, 3))
    flat = layers.Flatten()(layers.Conv2D(2, 3)(inputs))
    model = keras.Model(inputs, layers.Dense(2, name="last")(flat))
    with pytest.raises(ValueError, match="global average pooling.*last"):
        saliency_model(model)
