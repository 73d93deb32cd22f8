import json
import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import exports

IMAGES = np.random.default_rng(1).random((3, 10, 12, 3), "float32")
PLAIN_OPS = {"DecodeImage", "ScaleAndTranslate"}


class Noise(keras.layers.Layer):
    """Adds Gaussian noise and a random offset."""

    stochastic = True

    def __init__(self, seed=7, **kwargs):
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, images):
        shape = keras.ops.shape(images)
        noise = keras.random.normal(
            shape, dtype=images.dtype, seed=self.seed_generator
        )
        offset = keras.random.randint((), 0, 1000, seed=self.seed_generator)
        return images + noise + keras.ops.cast(offset, images.dtype) / 1000


class GlobalNoise(keras.layers.Layer):
    """Draws from Keras' global generator."""

    def call(self, images):
        return images + keras.random.normal((1,))


class LoopNoise(Noise):
    """Draws inside the body of a loop."""

    def call(self, images):
        return tf.map_fn(super().call, images)


class TensorFlowNoise(keras.layers.Layer):
    def call(self, images):
        return images + tf.random.normal((1,))


class GeneratorNoise(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.generator = tf.random.Generator.from_seed(1)

    def call(self, images):
        return images + self.generator.normal((1,))


class FrozenNoise(keras.layers.Layer):
    stochastic = True

    def call(self, images):
        return images + np.random.normal()


class CallsPython(keras.layers.Layer):
    def call(self, images):
        outputs = tf.numpy_function(np.copy, [images], tf.float32)
        return tf.ensure_shape(outputs, images.shape)


class NotANumber(keras.layers.Layer):
    def call(self, images):
        return images * np.nan


def classifier(*first, policy=None, shape=(10, 12, 3)):
    images = x = keras.Input(shape)
    for layer in first:
        x = layer(x)
    x = keras.layers.Conv2D(8, 3, dtype=policy)(x)
    x = keras.layers.BatchNormalization(dtype=policy)(x)
    x = keras.layers.ReLU(dtype=policy)(x)
    x = keras.layers.Dropout(0.5, dtype=policy)(x)
    x = keras.layers.GlobalAveragePooling2D(dtype=policy)(x)
    # The policy is left in charge of the logits, so that they may be bfloat16.
    return keras.Model(images, keras.layers.Dense(4, dtype=policy)(x))


def run(report, signature="serving_default", images=IMAGES):
    with exports.SavedModelSession(report.path) as session:
        return session.run(signature, {"image": images})


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_equals_keras(tmp_path, policy):
    """Both batch sizes and loaders give the logits of `predict`, exactly."""
    model = classifier(policy=policy)
    report = exports.save(model, tmp_path / "model")
    assert report.max_abs_difference == 0.0
    assert not report.stochastic
    loaded = tf.saved_model.load(str(report.path))
    for batch in (1, 64):
        images = np.random.default_rng(batch).random((batch, 10, 12, 3))
        images = images.astype("float32")
        outputs = run(report, images=images)
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
    """A PNG of the right size is lossless; any size and JPEG are taken."""
    model = classifier()
    names = ["coat", "bag", "träger", "boot"]
    report = exports.save(model, tmp_path / "model", classes=names)
    pixels = np.random.default_rng(2).integers(0, 256, (10, 12, 3), np.uint8)
    wide = np.kron(pixels, np.ones((3, 2, 1), np.uint8))
    files = [
        tf.io.encode_png(pixels).numpy(),
        tf.io.encode_png(wide).numpy(),
        tf.io.encode_jpeg(pixels, quality=100).numpy(),
    ]
    with exports.SavedModelSession(report.path) as session:
        outputs = session.run("serving_bytes", {"image_bytes": files})
        with pytest.raises(tf.errors.InvalidArgumentError):
            session.run("serving_bytes", {"image_bytes": [b"junk"]})
    expected = model.predict(
        pixels[None] * np.float32(1 / 255), verbose=0
    ).astype("float32")
    np.testing.assert_array_equal(outputs["logits"][:1], expected)
    np.testing.assert_allclose(
        outputs["logits"], expected.repeat(3, 0), atol=0.05
    )
    labels = [names[index].encode() for index in outputs["classes"]]
    assert outputs["labels"].tolist() == labels


@pytest.mark.parametrize("layer", [Noise, GlobalNoise, LoopNoise])
def test_randomised_model_draws_fresh_entropy(tmp_path, layer):
    """Calls and loads differ, whatever the global seed at the export."""
    model = classifier(layer())
    # Two exports under one global seed must differ as well.
    reports = []
    for name in ("first", "second"):
        tf.random.set_seed(5)
        keras.utils.set_random_seed(5)
        reports.append(exports.save(model, tmp_path / name))
    draws = []
    for report in reports:
        assert report.stochastic
        assert report.seed is None
        assert report.max_abs_difference == 0.0
        for _ in range(2):
            with exports.SavedModelSession(report.path) as session:
                for _ in range(2):
                    outputs = session.run("serving_default", {"image": IMAGES})
                    draws.append(outputs["logits"])
            served = tf.saved_model.load(str(report.path)).signatures
            for _ in range(2):
                outputs = served["serving_default"](image=IMAGES)
                draws.append(outputs["logits"].numpy())
    assert len(np.unique(np.stack(draws), axis=0)) == len(draws)


def test_processes_draw_different_noise(tmp_path):
    report = exports.save(classifier(Noise()), tmp_path / "model")
    script = (
        "import sys, numpy as np, exports\n"
        "with exports.SavedModelSession(sys.argv[1]) as session:\n"
        "    images = np.zeros((1, 10, 12, 3))\n"
        "    outputs = session.run('serving_default', {'image': images})\n"
        "    print(outputs['logits'].tolist())\n"
    )
    root = str(pathlib.Path(exports.__file__).parents[1])
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(report.path)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": root},
        )
        for _ in range(2)
    ]
    draws = [process.communicate()[0] for process in processes]
    assert all(process.returncode == 0 for process in processes)
    assert draws[0] != draws[1]


def test_seed_repeats_the_noise(tmp_path):
    model = classifier(Noise())
    reports = [
        exports.save(model, tmp_path / "model", version=version, seed=seed)
        for version, seed in enumerate((3, 3, 4))
    ]
    draws = [run(report)["logits"] for report in reports for _ in range(2)]
    for repeated in draws[1:4]:
        np.testing.assert_array_equal(draws[0], repeated)
    assert np.any(draws[0] != draws[4])
    assert [report.seed for report in reports] == [3, 3, 4]
    assert reports[0].stochastic


def test_draws_of_a_pinned_model_are_independent(tmp_path):
    """The second draw of a call is not the first one again."""

    class TwoDraws(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.seed_generator = keras.random.SeedGenerator(1)

        def call(self, images):
            shape = keras.ops.shape(images)
            first, second = (
                keras.random.normal(shape, seed=self.seed_generator)
                for _ in range(2)
            )
            return first - second

    model = keras.Sequential(
        [keras.Input((4, 4, 1)), TwoDraws(), keras.layers.Flatten()]
    )
    report = exports.save(model, tmp_path / "model", seed=3)
    logits = run(report, images=np.zeros((2, 4, 4, 1)))["logits"]
    assert np.std(logits) == pytest.approx(np.sqrt(2), rel=0.5)


def test_live_model_is_untouched(tmp_path):
    """Weights and generator state stay; the model draws on as before."""
    model = classifier(Noise(seed=11))
    before = [keras.ops.convert_to_numpy(v) for v in model.variables]
    original = keras.random.SeedGenerator.next
    exports.save(model, tmp_path / "model")
    assert keras.random.SeedGenerator.next is original
    for value, variable in zip(before, model.variables, strict=True):
        np.testing.assert_array_equal(value, variable)
    twin = classifier(Noise(seed=11))
    twin.set_weights(model.get_weights())
    np.testing.assert_array_equal(model(IMAGES), twin(IMAGES))


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (TensorFlowNoise, "keras.random.SeedGenerator"),
        (GeneratorNoise, "change no variable"),
        (FrozenNoise, "frozen into the export"),
        (CallsPython, "must not call Python"),
        (NotANumber, "finite"),
    ],
)
def test_refuses_what_cannot_be_served(tmp_path, layer, message):
    original = keras.random.SeedGenerator.next
    with pytest.raises(ValueError, match=message) as error:
        exports.save(classifier(layer()), tmp_path / "deep" / "model")
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())
    assert keras.random.SeedGenerator.next is original


def test_refuses_a_seeded_tensorflow_op(tmp_path):
    tf.random.set_seed(5)
    with pytest.raises(ValueError, match="RandomStandardNormal"):
        exports.save(classifier(TensorFlowNoise()), tmp_path / "model")


def test_mismatch_removes_the_export(tmp_path, monkeypatch):
    """A graph that computes something else does not become a version."""
    module = sys.modules["exports.saved_model"]
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
    ("model", "options", "message"),
    [
        ("a path", {}, "must be a `keras.Model`"),
        (classifier(shape=(None, None, 3)), {}, "leaves its height"),
        (classifier(), {"image_shape": (9, 12, 3)}, "agree with the model"),
        (classifier(), {"signatures": "serving_default"}, "must be among"),
        (classifier(), {"signatures": ["predict"]}, "must be among"),
        (classifier(), {"signatures": []}, "must be among"),
        (classifier(), {"classes": ["a"]}, "name each of the 4 logits"),
        (classifier(), {"version": -1}, "whole number"),
        (classifier(), {"version": "1"}, "whole number"),
        (classifier(), {"seed": 1.5}, "`seed` must be"),
        (classifier(shape=(9, 9, 2)), {}, "1, 3 or 4 channels"),
        (
            keras.Sequential([keras.Input((8,)), keras.layers.Dense(2)]),
            {},
            "height, width, channels",
        ),
        (
            keras.Sequential([keras.Input((8, 8, 3)), keras.layers.ReLU()]),
            {},
            "batch, classes",
        ),
    ],
)
def test_refuses_wrong_arguments(tmp_path, model, options, message):
    with pytest.raises(ValueError, match=message) as error:
        exports.save(model, tmp_path / "model", **options)
    assert "Received: " in str(error.value)
    assert not list(tmp_path.iterdir())


def test_open_image_shape(tmp_path):
    """`image_shape` sizes pictures; pixels may still have any size."""
    model = classifier(shape=(None, None, 1))
    report = exports.save(model, tmp_path / "model", image_shape=(8, 6, 1))
    images = IMAGES[..., :1]
    np.testing.assert_array_equal(
        run(report, images=images)["logits"], model.predict(images, verbose=0)
    )
    assert report.signatures["serving_default"]["inputs"] == {
        "image": "float32[?,?,?,1]"
    }


def test_subclassed_model(tmp_path):
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
        run(report)["logits"], model.predict(IMAGES, verbose=0)
    )


def test_report(tmp_path):
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
    assert fields["cpu_only_ops"]["serving_bytes"].keys() == PLAIN_OPS


def test_existing_version(tmp_path):
    first, second = classifier(), classifier()
    exports.save(first, tmp_path / "model")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        exports.save(second, tmp_path / "model")
    report = exports.save(second, tmp_path / "model", overwrite=True)
    np.testing.assert_array_equal(
        run(report)["logits"], second.predict(IMAGES, verbose=0)
    )
    assert os.listdir(tmp_path / "model") == ["1"]


def test_unwritable_directory(tmp_path):
    """Below a regular file nothing can be made, whoever the user is."""
    (tmp_path / "file").write_text("kept")
    for path in ("file", "file/model", "file/deep/model"):
        with pytest.raises(OSError, match="must be writable") as error:
            exports.save(classifier(), tmp_path / path)
        assert "\n" not in str(error.value)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_full_disk(tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise tf.errors.ResourceExhaustedError(None, None, "disk full\nhere")

    monkeypatch.setattr(tf.saved_model, "save", fail)
    with pytest.raises(OSError, match="must be writable .disk full.") as error:
        exports.save(classifier(), tmp_path / "model")
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())
