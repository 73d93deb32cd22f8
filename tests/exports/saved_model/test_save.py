import importlib
import json
import os

import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo import exports
from zoo.layers import RandomPatchJPEG
from zoo.saved_model_folder import read_classes
from zoo.training import AdversarialTrainer

IMAGES = np.random.default_rng(1).random((3, 10, 12, 3), "float32")


class CallsPython(keras.layers.Layer):
    def call(self, images):
        outputs = tf.numpy_function(np.copy, [images], tf.float32)
        return tf.ensure_shape(outputs, images.shape)


class NotANumber(keras.layers.Layer):
    def call(self, images):
        return images * np.nan


@pytest.mark.parametrize(
    "policy", ["float32", "mixed_bfloat16", "mixed_float16"]
)
def test_equals_keras(tmp_path, policy, classifier, predict):
    """Both batch sizes and loaders give the logits of `predict`, exactly."""
    model = classifier(policy=policy)
    report = exports.save(model, tmp_path / "model", fold_batch_norm=False)
    assert report.max_abs_difference == 0.0
    assert report.folded == 0
    assert not report.stochastic
    loaded = tf.saved_model.load(str(report.path))
    for batch in (1, 64):
        images = np.random.default_rng(batch).random((batch, 10, 12, 3))
        images = images.astype("float32")
        outputs = predict(report, images)
        expected = model.predict(images, verbose=0, batch_size=batch)
        expected = expected.astype("float32")
        assert outputs["logits"].dtype == np.float32
        np.testing.assert_array_equal(outputs["logits"], expected)
        served = loaded.signatures["serving_default"](image=images)
        np.testing.assert_array_equal(served["logits"], expected)
        exponentials = np.exp(expected - expected.max(-1, keepdims=True))
        np.testing.assert_allclose(
            outputs["probabilities"],
            exponentials / exponentials.sum(-1, keepdims=True),
            rtol=1e-5,
        )
        np.testing.assert_array_equal(
            outputs["classes"], expected.argmax(axis=-1)
        )


def test_bytes_signature(tmp_path):
    """A PNG of the right size is lossless; others are resized, antialiased."""
    model = keras.Sequential(
        [keras.Input((4, 6, 3)), keras.layers.Flatten()]  # Logits are pixels.
    )
    names = [f"träger {index}" for index in range(72)]
    report = exports.save(model, tmp_path / "model", classes=names)
    rng = np.random.default_rng(2)
    small = rng.integers(0, 256, (4, 6, 3), np.uint8)
    fine = rng.integers(0, 256, (15, 17, 3), np.uint8)
    flat = np.full((9, 8, 3), (200, 60, 10), np.uint8)
    resized = tf.image.resize(fine, (4, 6), antialias=True)
    blunt = tf.image.resize(fine, (4, 6))
    assert np.abs(resized - blunt).max() > 100
    files = [
        tf.io.encode_png(small).numpy(),
        tf.io.encode_png(fine).numpy(),
        tf.io.encode_jpeg(flat).numpy(),
    ]
    with exports.SavedModelSession(report.path) as session:
        outputs = session.run("serving_bytes", {"image_bytes": files})
        for place in range(3):
            pictures = [*files[:place], b"junk", *files[place + 1 :]]
            message = rf"at place\] \[{place}\] \[of the batch"
            with pytest.raises(tf.errors.InvalidArgumentError, match=message):
                session.run("serving_bytes", {"image_bytes": pictures})
    logits = outputs["logits"].reshape(3, 4, 6, 3)
    np.testing.assert_array_equal(logits[0], small * np.float32(1 / 255))
    np.testing.assert_allclose(logits[1], resized / 255, atol=1e-6)
    np.testing.assert_allclose(logits[2], flat[:4, :6] / 255, atol=2 / 255)
    labels = [names[index].encode() for index in outputs["classes"]]
    assert outputs["labels"].tolist() == labels


def test_self_check_sees_transparency(tmp_path, monkeypatch, classifier):
    """A graph that keeps what is transparent does not become a version."""
    monkeypatch.setattr(
        "zoo.exports.saved_model.signatures.decode_picture",
        lambda contents, place, channels: tf.cast(
            tf.io.decode_png(contents, channels), tf.float32
        ),
    )
    with pytest.raises(ValueError, match="serving_bytes.*difference="):
        exports.save(classifier(shape=(10, 12, 1)), tmp_path / "model")
    assert not list(tmp_path.iterdir())


class RulesOut(keras.layers.Layer):
    """Masks the last class."""

    def call(self, logits):
        last = keras.ops.full_like(logits[:, :1], -np.inf)
        return keras.ops.concatenate([logits[:, :-1], last], axis=-1)


def test_minus_infinity_is_a_logit(tmp_path, monkeypatch, classifier, predict):
    """It is served as it is, and hides no other difference."""
    model = keras.Sequential([classifier(), RulesOut()])
    report = exports.save(model, tmp_path / "model", fold_batch_norm=False)
    assert report.max_abs_difference == 0.0
    outputs = predict(report, IMAGES)
    assert np.isneginf(outputs["logits"][:, -1]).all()
    assert (outputs["probabilities"][:, -1] == 0).all()
    assert np.isfinite(outputs["probabilities"]).all()
    module = importlib.import_module("zoo.exports.saved_model.save")
    expected = module._keras_logits
    for other in (lambda x: x + 0.1, lambda x: np.maximum(x, -9)):
        monkeypatch.setattr(
            module,
            "_keras_logits",
            lambda *args, other=other: other(expected(*args)),
        )
        with pytest.raises(ValueError, match="difference="):
            exports.save(model, tmp_path / "other")


@pytest.mark.parametrize(
    ("layer", "message"),
    [(CallsPython, "must not call Python"), (NotANumber, "finite")],
)
def test_refuses_what_cannot_be_served(tmp_path, classifier, layer, message):
    with pytest.raises(ValueError, match=message) as error:
        exports.save(classifier(layer()), tmp_path / "deep" / "model")
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


def test_mismatch_removes_the_export(tmp_path, monkeypatch, classifier):
    """A graph that computes something else does not become a version."""
    module = importlib.import_module("zoo.exports.saved_model.save")
    expected = module._keras_logits
    monkeypatch.setattr(
        module, "_keras_logits", lambda *args: expected(*args) + 0.1
    )
    with pytest.raises(ValueError, match="difference=0.1"):
        exports.save(classifier(), tmp_path / "model")
    assert not list(tmp_path.iterdir())
    report = exports.save(classifier(), tmp_path / "model", tolerance=0.2)
    assert report.max_abs_difference == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("layers", "policy", "coarse"),
    [
        ((), "float32", False),
        ((), "mixed_bfloat16", True),
        ((), "mixed_float16", True),
        ((RandomPatchJPEG(),), "float32", True),
    ],
    ids=["float32", "bfloat16", "float16", "jpeg"],
)
def test_float32_is_held_to_a_closer_tolerance(
    tmp_path, monkeypatch, classifier, layers, policy, coarse
):
    model = classifier(*layers, policy=policy, shape=(16, 16, 3))
    module = importlib.import_module("zoo.exports.saved_model.save")
    expected = module._keras_logits
    monkeypatch.setattr(
        module, "_keras_logits", lambda *args: expected(*args) + 2e-3
    )
    options = {"signatures": ["serving_default"], "fold_batch_norm": False}
    if coarse:
        report = exports.save(model, tmp_path / "model", **options)
        assert report.max_abs_difference == pytest.approx(2e-3, abs=1e-5)
    else:
        with pytest.raises(ValueError, match="difference=0.002"):
            exports.save(model, tmp_path / "model", **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image_shape": (9, 12, 3)}, "agree with the model"),
        ({"image_shape": (10, 12)}, "three positive numbers"),
        ({"image_shape": 16}, "three positive numbers.*image_shape=16"),
        ({"signatures": "serving_default"}, "must be among"),
        ({"signatures": ["predict"]}, "must be among"),
        ({"signatures": []}, "must be among"),
        ({"classes": ["a"]}, "name each of the 4 logits"),
        ({"classes": "abcd"}, "must be a list of names"),
        ({"classes": ["a", "b", "c", "\x1b[2J"]}, "no control characters"),
        ({"version": -1}, "whole number"),
        ({"version": "1"}, "whole number"),
        ({"seed": 1.5}, "`seed` must be"),
    ],
)
def test_refuses_wrong_options(tmp_path, classifier, options, message):
    with pytest.raises(ValueError, match=message) as error:
        exports.save(classifier(), tmp_path / "model", **options)
    assert "Received: " in str(error.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("shape", "layers", "message"),
    [
        ((None, None, 3), [keras.layers.GlobalMaxPooling2D()], "leaves its"),
        ((9, 9, 2), [keras.layers.Flatten()], "1, 3 or 4 channels"),
        ((8,), [keras.layers.Dense(2)], "height, width, channels"),
        ((8, 8, 3), [keras.layers.ReLU()], "batch, classes"),
    ],
)
def test_refuses_other_models(tmp_path, shape, layers, message):
    model = keras.Sequential([keras.Input(shape), *layers])
    with pytest.raises(ValueError, match=message) as error:
        exports.save(model, tmp_path / "model")
    assert "Received: " in str(error.value)
    assert not list(tmp_path.iterdir())


def test_classes_may_be_numbers(tmp_path, classifier, predict):
    """`zoo predict --model` reads what is written."""
    report = exports.save(
        classifier(),
        tmp_path / "model",
        classes=range(4),
        signatures=["serving_default"],
    )
    assert read_classes(report.path) == ("0", "1", "2", "3")
    outputs = predict(report, IMAGES)
    names = [b"%d" % index for index in outputs["classes"]]
    assert outputs["labels"].tolist() == names


def test_refuses_a_path_that_is_a_pattern(tmp_path, classifier):
    with pytest.raises(ValueError, match="as a pattern") as error:
        exports.save(classifier(), tmp_path / "[v2]")
    assert "[v2]" in str(error.value)
    assert not list(tmp_path.iterdir())


def test_refuses_storage_that_is_not_local(tmp_path, monkeypatch, classifier):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="local folder.*gs://bucket/m'"):
        exports.save(classifier(), "gs://bucket/m")
    assert not list(tmp_path.iterdir())


def test_refuses_confidences(tmp_path, classifier):
    model = keras.Sequential([classifier(), keras.layers.Softmax()])
    with pytest.raises(ValueError, match="the softmax at its end away"):
        exports.save(model, tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_refuses_a_trainer(tmp_path, classifier):
    """It has no explanation of its own, and saves more than the model."""
    trainer = AdversarialTrainer(classifier(), "fgsm:eps=0.1")
    for options in ({}, {"image_shape": (10, 12, 3)}):
        with pytest.raises(ValueError, match=r"pass `trainer\.model`"):
            exports.save(trainer, tmp_path / "model", **options)
    assert not list(tmp_path.iterdir())


def test_refuses_what_is_no_model(tmp_path):
    with pytest.raises(ValueError, match="must be a `keras.Model`"):
        exports.save("a path", tmp_path / "model")


def test_open_image_shape(tmp_path, classifier, predict):
    """`image_shape` sizes pictures; pixels may still have any size."""
    model = classifier(shape=(None, None, 1))
    report = exports.save(
        model, tmp_path / "model", image_shape=(8, 6, 1), fold_batch_norm=False
    )
    images = IMAGES[..., :1]
    np.testing.assert_array_equal(
        predict(report, images)["logits"], model.predict(images, verbose=0)
    )
    assert report.signatures["serving_default"]["inputs"] == {
        "image": "float32[?,?,?,1]"
    }


def test_subclassed_model(tmp_path, predict):
    class Linear(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(3)

        def call(self, images, training=None):
            return self.dense(keras.ops.mean(images, axis=(1, 2)))

    model = Linear()
    report = exports.save(
        model,
        tmp_path / "model",
        image_shape=(10, 12, 3),
        signatures=["serving_default"],
    )
    assert list(report.signatures) == ["serving_default"]
    np.testing.assert_array_equal(
        predict(report, IMAGES)["logits"], model.predict(IMAGES, verbose=0)
    )


def test_a_built_subclassed_model_needs_no_image_shape(tmp_path, predict):
    class Linear(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(3)

        def build(self, input_shape):
            self.dense.build((None, input_shape[-1]))

        def call(self, images, training=None):
            return self.dense(keras.ops.mean(images, axis=(1, 2)))

    options = {"signatures": ["serving_default"]}
    with pytest.raises(ValueError, match=r"model\.build\(\(None, height"):
        exports.save(Linear(), tmp_path / "model", **options)
    for version, build in enumerate(
        [
            lambda model: model.build((None, 10, 12, 3)),
            lambda model: model(IMAGES),
        ]
    ):
        model = Linear()
        build(model)
        report = exports.save(
            model, tmp_path / "model", version=version, **options
        )
        assert report.signatures["serving_default"]["inputs"] == {
            "image": "float32[?,10,12,3]"
        }
        np.testing.assert_array_equal(
            predict(report, IMAGES)["logits"], model.predict(IMAGES, verbose=0)
        )


def test_pixels_may_be_checked_in_the_graph(tmp_path, classifier, predict):
    model = classifier()
    report = exports.save(
        model, tmp_path / "model", check_pixels=True, fold_batch_norm=False
    )
    assert report.cpu_only_ops["serving_default"] == {}
    np.testing.assert_array_equal(
        predict(report, IMAGES)["logits"], model.predict(IMAGES, verbose=0)
    )
    broken = IMAGES.copy()
    broken[1, 2, 3] = np.nan
    for images in (IMAGES * 255, IMAGES - 0.5, broken):
        with pytest.raises(tf.errors.InvalidArgumentError, match="divide 8-b"):
            predict(report, images)


def test_report(tmp_path, classifier):
    report = exports.save(classifier(), tmp_path / "model", version=12)
    assert report.path == tmp_path / "model" / "12"
    size = sum(f.stat().st_size for f in report.path.rglob("*") if f.is_file())
    assert report.size_bytes == size > 1000
    fields = json.loads(json.dumps(report.to_dict()))
    assert fields["path"] == str(report.path)
    assert fields["signatures"]["serving_bytes"] == {
        "inputs": {"image_bytes": "string[?]"},
        "outputs": {
            "logits": "float32[?,4]",
            "probabilities": "float32[?,4]",
            "classes": "int64[?]",
        },
    }
    assert fields["cpu_only_ops"]["serving_default"] == {}
    assert fields["cpu_only_ops"]["serving_bytes"].keys() >= {
        "DecodeImage",
        "DecodeJpeg",
        "ScaleAndTranslate",
    }


def test_existing_version(tmp_path, classifier, predict):
    first, second = classifier(), classifier()
    exports.save(first, tmp_path / "model")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        exports.save(second, tmp_path / "model")
    report = exports.save(
        second, tmp_path / "model", overwrite=True, fold_batch_norm=False
    )
    np.testing.assert_array_equal(
        predict(report, IMAGES)["logits"], second.predict(IMAGES, verbose=0)
    )
    assert os.listdir(tmp_path / "model") == ["1"]


class Centred(keras.layers.Layer):
    """Subtracts the mean of a batch, as a batch norm in training does."""

    def call(self, images):
        return images - keras.ops.mean(images, axis=0, keepdims=True)


class Accumulated(keras.layers.Layer):
    """Adds to each image those before it; the first stays as it is."""

    def call(self, images):
        return keras.ops.cumsum(images, axis=0)


@pytest.mark.parametrize("layer", [Centred, Accumulated])
def test_a_model_whose_images_depend_on_each_other(tmp_path, layer):
    """A server merges the requests of strangers."""
    model = keras.Sequential(
        [
            keras.Input((8, 6, 1)),
            layer(),
            keras.layers.Flatten(),
            keras.layers.Dense(3),
        ]
    )
    with pytest.raises(ValueError, match="must not depend on the others"):
        exports.save(model, tmp_path / "model")
    assert not list(tmp_path.iterdir())
