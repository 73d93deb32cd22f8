"""Semantic JPEG in front of other models."""

import keras
import numpy as np
import pytest
from keras import layers
from keras import ops

import zoo
from zoo import exports
from zoo.inspection import explanation
from zoo.inspection import is_stochastic
from zoo.layers import SemanticJPEG

INPUT = (24, 40, 3)


@pytest.fixture(scope="module")
def classifier():
    return keras.Sequential(
        [
            keras.Input(INPUT),
            layers.Conv2D(4, 3, activation="relu"),
            layers.Conv2D(4, 3),
            layers.GlobalAveragePooling2D(),
            layers.Dense(5, activation="softmax"),
        ],
        name="users",
    )


@pytest.fixture(scope="module")
def saliency():
    """Bright is salient."""
    images = keras.Input((None, None, 3))
    weighted = layers.Conv2D(1, 1, use_bias=False, name="weights")(images)
    model = keras.Model(images, ops.sigmoid(weighted[..., 0]), name="bright")
    model.set_weights([np.array([0.3, 0.6, 0.1]).reshape(1, 1, 3, 1)])
    return model


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).random((3, *INPUT), "float32")


def test_logits_of_the_compressed_images(classifier, saliency, images):
    defended = zoo.defend(
        classifier, "semantic_jpeg", saliency=saliency, min_quality=10
    )
    compressed = SemanticJPEG(10)(images, saliency(images))
    np.testing.assert_allclose(
        ops.softmax(defended(images)), classifier(compressed), atol=1e-5
    )
    shown = explanation(defended)(images)
    assert shown.keys() == {"saliency", "quality"}
    np.testing.assert_allclose(shown["saliency"], saliency(images), atol=1e-6)
    assert shown["quality"].shape == (3, 3, 5)
    assert set(np.unique(shown["quality"])) <= set(range(10, 101))


def test_the_given_models_are_left_alone(classifier, saliency, images):
    before = [np.copy(w) for w in (*classifier.weights, *saliency.weights)]
    defended = zoo.defend(classifier, "semantic_jpeg", saliency=saliency)
    assert len(defended.weights) == len(before)
    for weight in defended.weights:
        weight.assign(ops.zeros(weight.shape))
    after = (*classifier.weights, *saliency.weights)
    for weight, value in zip(after, before, strict=True):
        np.testing.assert_array_equal(weight, value)


def test_export_explains(classifier, saliency, images, tmp_path):
    defended = zoo.defend(
        classifier, "semantic_jpeg", saliency=saliency, pixel_range=(0, 255)
    )
    report = exports.save(defended, tmp_path / "served")
    assert report.max_abs_difference < 1e-4
    assert not any(report.cpu_only_ops["serving_default"].values())
    with exports.SavedModelSession(report.path) as session:
        served = session.run("explain", {"image": images})
    expected = explanation(defended)(images)
    assert served.keys() == expected.keys() == {"saliency", "quality"}
    np.testing.assert_allclose(
        served["saliency"], expected["saliency"], atol=1e-6
    )
    np.testing.assert_array_equal(served["quality"], expected["quality"])
    defended.save(tmp_path / "model.keras")
    restored = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(restored(images), defended(images), atol=1e-5)


def small():
    images = keras.Input((24, 41, 3))
    return keras.Model(images, ops.mean(images, -1), name="small")


def grey():
    images = keras.Input((24, 40, 1))
    return keras.Model(images, images[..., 0], name="grey")


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (small, "maps of their size.*small, from .None, 24, 41, 3"),
        (grey, "maps of their size.*grey"),
        (lambda: "bright", "functional or Sequential.*saliency=bright of str"),
    ],
)
def test_saliency_models_that_are_refused(build, message, classifier):
    with pytest.raises(ValueError, match=message):
        zoo.defend(classifier, "semantic_jpeg", saliency=build())


def test_a_classifier_finds_saliency_by_its_class_maps(classifier, images):
    held = zoo.defend(
        classifier, "semantic_jpeg", saliency=classifier, augmented=False
    )
    found = zoo.models.saliency_model(classifier)(images)
    shown = explanation(held)(images)["saliency"]
    np.testing.assert_allclose(shown, found, atol=1e-5)
    assert not is_stochastic(held)
    augmented = zoo.defend(
        classifier, "semantic_jpeg", saliency=classifier, seed=1
    )
    assert is_stochastic(augmented)
    assert augmented(images).shape == (3, 5)
