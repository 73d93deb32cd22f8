"""Semantic JPEG's builder: its parts, its gradient, its export."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from zoo import exports
from zoo.exports.placement import cpu_only_ops
from zoo.inspection import explanation
from zoo.inspection import find_head
from zoo.layers import SemanticJPEG
from zoo.models import msroi
from zoo.models import saliency_model
from zoo.models import semantic_jpeg
from zoo.models import wide_resnet
from zoo.models.semantic_jpeg import combine
from zoo.models.wide_resnet import skip_initialization
from zoo.weights import load_weights
from zoo.weights import save_weights

SIZES = dict(
    depth=10, width=1, num_classes=6, image_shape=(32, 48, 3), strides=2
)
HEAD = dict(squeeze=3, multiplier=2, channels=5)


@pytest.fixture(scope="module")
def networks():
    keras.utils.set_random_seed(0)
    classifier = wide_resnet(**SIZES)
    head = classifier.get_layer("logits")
    head.set_weights([10 * w for w in head.get_weights()])
    return classifier, msroi(**SIZES, **HEAD)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).random((3, 32, 48, 3), "float32")


def test_logits_are_of_the_compressed_images(networks, images):
    classifier, network = networks
    model = combine(*networks, augmented=False, min_quality=30, levels=4)
    saliency = saliency_model(network)(images)
    compressed = SemanticJPEG(30, levels=4)(images, saliency)
    np.testing.assert_allclose(model(images), classifier(compressed), atol=1e-4)
    shown = explanation(model)(images)
    assert shown.keys() == {"saliency", "quality"}
    np.testing.assert_allclose(shown["saliency"], saliency, atol=1e-5)
    assert shown["quality"].shape == (3, 4, 6)


@pytest.mark.parametrize("augmented", [False, True])
def test_one_file_holds_both_networks(networks, images, tmp_path, augmented):
    """What `combine` makes of trained networks loads into the preset's."""
    options = dict(augmented=augmented, draws=2, noise=0.0)
    trained = combine(*networks, **options)
    path = tmp_path / "both.weights.h5"
    save_weights(trained, path, dtype="float32", licence="none")
    with skip_initialization():
        model = semantic_jpeg(**SIZES, **HEAD, **options)
    load_weights(model, path)
    np.testing.assert_allclose(model(images), trained(images), atol=1e-5)
    assert find_head(model).units == 6


def test_saliency_may_know_other_classes():
    model = semantic_jpeg(
        **SIZES | {"num_classes": 3}, **HEAD, saliency_classes=6, draws=2
    )
    assert model.output_shape == (None, 3)
    find = model.get_layer("saliency_model")
    assert find.get_layer("classes").units == 6


def test_gradient_through_the_saliency_or_with_it_held(networks, images):
    """Held, it is the gradient of compression at fixed qualities."""
    _, network = networks
    images = tf.constant(images)
    gradients = {}
    for through in ("none", "soft"):
        model = combine(*networks, augmented=False, quality_gradient=through)
        with tf.GradientTape() as tape:
            tape.watch(images)
            loss = tf.reduce_sum(model(images)[:, 0])
        gradients[through] = tape.gradient(loss, images).numpy()
    fixed = tf.constant(saliency_model(network)(images))
    layer, classifier = SemanticJPEG(), networks[0]
    with tf.GradientTape() as tape:
        tape.watch(images)
        loss = tf.reduce_sum(classifier(layer(images, fixed))[:, 0])
    held = tape.gradient(loss, images).numpy()
    np.testing.assert_allclose(gradients["none"], held, rtol=1e-3, atol=1e-5)
    assert np.abs(gradients["soft"] - held).max() > 1e-3 * np.abs(held).max()


def test_graph_has_a_gpu_kernel_and_any_batch(networks, images):
    model = combine(*networks, draws=2, noise=0.3)
    explain = explanation(model)

    @tf.function(input_signature=[tf.TensorSpec((None, 32, 48, 3))])
    def predict(images):
        return model(images, training=False), explain(images, training=False)

    graph = predict.get_concrete_function().graph
    assert cpu_only_ops(graph.as_graph_def()) == {}
    for batch in (1, 3):
        logits, shown = predict(images[:batch])
        assert logits.shape == (batch, 6)
        assert shown["saliency"].shape == (batch, 32, 48)
        assert shown["quality"].shape == (batch, 4, 6)
    _, again = predict(images)
    assert not np.allclose(shown["saliency"], again["saliency"], atol=1e-3)


@pytest.mark.large
def test_export_draws_fresh_noise(networks, images, tmp_path):
    model = combine(*networks, draws=2, noise=0.3)
    report = exports.save(model, tmp_path / "served")
    served = tf.saved_model.load(report.path).signatures["serving_default"]
    first, second = (
        served(image=tf.constant(images))["logits"] for _ in range(2)
    )
    assert not np.allclose(first, second, atol=1e-4)


def test_saving(networks, images, tmp_path):
    model = combine(*networks, draws=2, seed=3)
    model.save(tmp_path / "model.keras")
    restored = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(restored(images), model(images), atol=1e-4)


def test_networks_of_other_images_are_refused(networks):
    other = msroi(**SIZES | {"image_shape": (32, 32, 3)}, **HEAD)
    with pytest.raises(ValueError, match="same images.*32, 48.*32, 32"):
        combine(networks[0], other)


def test_presets_take_other_classes():
    model = zoo.load("semantic_jpeg_wrn10_2.msroi", num_classes=7)
    assert model.output_shape == (None, 7)
    found = explanation(model)
    published = explanation(zoo.load("semantic_jpeg_wrn10_2.msroi"))
    images = np.random.default_rng(0).random((1, 128, 128, 3), "float32")
    np.testing.assert_allclose(
        found(images)["saliency"], published(images)["saliency"], atol=1e-5
    )
