"""Other runtimes give Keras' logits, and noise of their own."""

import importlib
import sys
import types

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from zoo import exports
from zoo.exports.formats.draws import NativeDraws
from zoo.exports.formats.draws import PinnedDraws
from zoo.exports.formats.draws import drawing_by
from zoo.exports.formats.runtimes import FORMATS
from zoo.layers import JPEG
from zoo.layers import AntialiasedResizing
from zoo.saved_model_folder import read_classes

IMAGES = np.random.default_rng(1).random((3, 10, 12, 3), "float32")


class Noise(keras.layers.Layer):
    """Shifts all pixels by one of four steps, anew for each image."""

    stochastic = True

    def __init__(self, seed=7, **kwargs):
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, images):
        shape = (keras.ops.shape(images)[0], 1, 1, 1)
        steps = keras.random.randint(shape, 0, 4, seed=self.seed_generator)
        return images + keras.ops.cast(steps, images.dtype) / 4


def installed(name):
    for package in FORMATS[name].packages:
        pytest.importorskip(package)
    return name


@pytest.fixture(params=FORMATS)
def file_format(request):
    return installed(request.param)


def test_equals_keras_at_any_batch_size(tmp_path, file_format, classifier):
    model = classifier()
    report = exports.convert(
        model, tmp_path / "model", file_format, classes=list("abcd")
    )
    assert report.folded == 1 and not report.stochastic
    assert report.max_abs_difference < 1e-5
    assert read_classes(report.path) == ("a", "b", "c", "d")
    predict = exports.load_converted(report.path, file_format, threads=1)
    for images in (IMAGES, IMAGES[:1]):
        expected = model.predict(images, verbose=0)
        np.testing.assert_allclose(predict(images), expected, atol=1e-5)


def test_resizes_a_batch_of_any_size(tmp_path, file_format):
    """LiteRT refuses the sizes that its converter writes for an einsum."""
    images = keras.Input((10, 12, 1))
    resized = AntialiasedResizing(7, 9)(images)
    model = keras.Model(images, keras.layers.Flatten()(resized))
    report = exports.convert(model, tmp_path / "model", file_format)
    predict = exports.load_converted(report.path, file_format, threads=1)
    for given in (IMAGES[..., :1], IMAGES[:1, ..., :1]):
        expected = model.predict(given, verbose=0)
        np.testing.assert_allclose(predict(given), expected, atol=1e-6)


def test_noise_is_fresh_and_of_the_same_distribution(tmp_path, file_format):
    """In every call and every load, for each image of a batch."""
    images = keras.Input((2, 2, 1))
    model = keras.Model(images, keras.layers.Flatten()(Noise()(images)))
    report = exports.convert(model, tmp_path / "model", file_format)
    assert report.stochastic
    assert report.max_abs_difference < 1e-6
    zeros = np.zeros((400, 2, 2, 1), "float32")
    loads = [
        exports.load_converted(report.path, file_format, threads=1)
        for _ in range(2)
    ]
    draws = [load(zeros)[:, 0] for load in loads for _ in range(2)]
    for index, one in enumerate(draws):
        for other in draws[:index]:
            assert np.any(one != other)
        values, counts = np.unique(one, return_counts=True)
        np.testing.assert_array_equal(values, [0, 0.25, 0.5, 0.75])
        # Five standard errors of a count.
        assert np.all(np.abs(counts - 100) < 5 * np.sqrt(400 * 3 / 16))


def test_noise_in_loops_and_branches_is_fresh(tmp_path):
    """The bodies of loops and branches are graphs of their own."""
    installed("onnx")

    class InBodies(Noise):
        def call(self, images):
            def draw():
                return keras.random.uniform((2, 2, 1), seed=self.seed_generator)

            def shift(image):
                always = draw()
                branch = tf.cond(image[0, 0, 0] < 0.5, draw, lambda: image)
                return tf.concat([always, branch], axis=-1)

            return tf.map_fn(shift, images)

    images = keras.Input((2, 2, 1))
    model = keras.Model(images, keras.layers.Flatten()(InBodies()(images)))
    report = exports.convert(model, tmp_path / "model", "onnx")
    assert report.stochastic
    zeros = np.zeros((4, 2, 2, 1), "float32")
    draws = [
        exports.load_converted(report.path, "onnx", threads=1)(zeros)
        for _ in range(2)
    ]
    assert np.all(draws[0] != draws[1])


@pytest.mark.parametrize("stochastic", [True, False])
@pytest.mark.parametrize("uniform", ["none", "random", "constant"])
def test_refuses_draws_that_would_be_frozen(tmp_path, stochastic, uniform):
    """Though the model makes others, whose seed may be a number."""
    installed("onnx")

    class Truncated(Noise):
        def call(self, images):
            seed = self.seed_generator
            noise = keras.random.truncated_normal((2, 2, 1), seed=seed)
            if uniform != "none":
                seed = seed if uniform == "random" else 1
                noise += keras.random.uniform((2, 2, 1), seed=seed)
            return images + noise

    layer = Truncated()
    layer.stochastic = stochastic
    images = keras.Input((2, 2, 1))
    model = keras.Model(images, keras.layers.Flatten()(layer(images)))
    with pytest.raises(ValueError, match="uniform or normal numbers alone"):
        exports.convert(model, tmp_path / "model", "onnx")
    assert not list(tmp_path.iterdir())


def test_normal_noise_is_normal(tmp_path, file_format):
    """Though OpenVINO draws uniform numbers alone."""

    class Normal(Noise):
        def call(self, images):
            shape = keras.ops.shape(images)
            return keras.random.normal(shape, 2, 3, seed=self.seed_generator)

    images = keras.Input((16, 16, 1))
    model = keras.Model(images, keras.layers.Flatten()(Normal()(images)))
    report = exports.convert(model, tmp_path / "model", file_format)
    assert report.stochastic
    load = exports.load_converted(report.path, file_format, threads=1)
    zeros = np.zeros((20, 16, 16, 1), "float32")
    draws = [load(zeros).ravel() for _ in range(2)]
    for one in draws:
        assert stats.kstest(one, "norm", (2, 3)).pvalue > 1e-4
    # Neither calls nor images repeat one another: five standard errors.
    limit = 5 / np.sqrt(one.size)
    assert abs(np.corrcoef(*draws)[0, 1]) < limit
    assert abs(np.corrcoef(one[:-256], one[256:])[0, 1]) < limit


def from_function(function):
    """Returns a model of 8x8 images, of one function of TensorFlow's."""
    layer = keras.layers.Lambda(function, output_shape=(8, 8, 1))
    return keras.Sequential(
        [keras.Input((8, 8, 1)), layer, keras.layers.Flatten()]
    )


def test_ops_that_a_format_lacks_are_named(tmp_path, file_format):
    """A branch has the matrix' exponential, whose solver none can hold."""
    model = from_function(lambda x: tf.linalg.expm(x[..., 0])[..., None])
    said = f"one that {file_format} can hold .it has no .*MatrixSolve.. Write"
    with pytest.raises(ValueError, match=said) as error:
        exports.convert(model, tmp_path / "model", file_format)
    assert str(error.value).endswith(f"Received: {model.name}")
    assert not list(tmp_path.iterdir())


def test_ops_that_a_runtime_lacks_are_named(tmp_path):
    """The converter to LiteRT leaves them to TensorFlow."""
    installed("litert")
    model = from_function(
        lambda x: x + tf.strings.to_number(tf.strings.as_string(x))
    )
    with pytest.raises(ValueError, match="it has no AsString"):
        exports.convert(model, tmp_path / "model", "litert")


def test_refuses_a_second_output(tmp_path):
    images = keras.Input((8, 8, 1))
    model = keras.Model(images, [keras.layers.Flatten()(images), images])
    with pytest.raises(
        ValueError, match=r"shape=\[\(2, 64\), \(2, 8, 8, 1\)\]"
    ):
        exports.convert(model, tmp_path / "model", installed("onnx"))


@pytest.mark.parametrize("place", ["file", "/proc/none"])
def test_says_where_it_cannot_write(tmp_path, file_format, classifier, place):
    (tmp_path / "file").write_text("")
    path = tmp_path / place
    with pytest.raises(OSError, match=f"must be writable.*path='{path}'"):
        exports.convert(classifier(), path, file_format)


def test_says_what_it_cannot_load(tmp_path, file_format):
    file = tmp_path / FORMATS[file_format].file
    with pytest.raises(
        FileNotFoundError, match=f"{tmp_path}, without {file.name}"
    ):
        exports.load_converted(tmp_path, file_format)
    file.write_text("no model")
    said = f"{file.name} must be a file that {file_format} reads"
    with pytest.raises(ValueError, match=said) as error:
        exports.load_converted(tmp_path, file_format)
    assert "\n" not in str(error.value)


@pytest.fixture
def rounding(monkeypatch):
    """Returns a function that sets what a model is quantised to."""
    installed("openvino")
    module = importlib.import_module("zoo.exports.formats.convert")
    monkeypatch.setattr(module, "INT8", FORMATS["openvino"])

    def to(function):
        def quantize(model, file, images):
            images = keras.Input(model.input_shape[1:])
            rounded = keras.layers.Lambda(function, (2,))(model(images))
            keras.Model(images, rounded).export(
                str(file), format="openvino", verbose=False
            )

        monkeypatch.setattr(module, "quantize", quantize)

    return to


def test_int8_is_compared_with_floating_point(tmp_path, rounding):
    """On all of its images, which are more than a batch."""
    model = keras.Sequential([keras.Input((1, 2, 1)), keras.layers.Flatten()])
    rounding(lambda logits: logits + keras.ops.array([[0.25, 0.0]]))
    given = np.random.default_rng(3).random((70, 1, 2, 1), "float32")
    report = exports.convert(
        model, tmp_path / "model", "openvino", int8_images=given
    )
    first, second = given.reshape(70, 2).T
    agreeing = np.mean((first + 0.25 < second) == (first < second))
    assert 0.5 < agreeing < 1
    assert report.int8_agreement == pytest.approx(agreeing)
    assert report.int8_max_abs_difference == pytest.approx(0.25, abs=1e-6)
    assert report.max_abs_difference < 1e-6


def test_int8_must_be_finite(tmp_path, rounding):
    model = keras.Sequential([keras.Input((1, 2, 1)), keras.layers.Flatten()])
    rounding(lambda logits: logits / keras.ops.array([[1.0, 0.0]]))
    with pytest.raises(ValueError, match="logits of openvino must be finite"):
        exports.convert(
            model,
            tmp_path / "model",
            "openvino",
            int8_images=np.ones((2, 1, 2, 1), "float32"),
        )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (IMAGES * 255, r"in \[0, 1\]"),
        ((IMAGES * 255).astype("uint8"), "floating point"),
        (IMAGES * np.nan, "finite"),
        (IMAGES[:, 1:], "fit the model's input"),
        (IMAGES[:0], "empty"),
        ([*IMAGES, IMAGES[0, 1:]], "all of one size"),
    ],
)
def test_refuses_wrong_int8_images(tmp_path, classifier, images, message):
    with pytest.raises(ValueError, match=message) as error:
        exports.convert(
            classifier(), tmp_path / "model", "openvino", int8_images=images
        )
    assert "Received: " in str(error.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.large
def test_int8_leaves_the_defense_in_floating_point(tmp_path, capsys):
    """Convolutions of the network are quantised; JPEG rounds as it did."""
    pytest.importorskip("nncf")
    openvino = pytest.importorskip("openvino")
    images = keras.Input((16, 16, 3))
    x = JPEG(60, name="compress")(images)
    for _ in range(2):
        x = keras.layers.Conv2D(64, 3, activation="relu")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(images, keras.layers.Dense(4)(x))
    rng = np.random.default_rng(0)
    given = rng.random((64, 16, 16, 3), "float32")
    sizes, rounded = [], []
    for version, int8_images in enumerate((None, given), start=1):
        report = exports.convert(
            model,
            tmp_path / "model",
            "openvino",
            version=version,
            int8_images=int8_images,
        )
        assert report.int8 == (int8_images is not None)
        sizes.append(report.size_bytes)
        graph = openvino.Core().read_model(report.path / "model.xml")
        rounded.append(
            {
                op.get_friendly_name()
                for op in graph.get_ops()
                if op.get_type_name() == "FakeQuantize"
            }
        )
    assert capsys.readouterr().out == ""
    own, all_of_them = rounded
    assert own and all("/compress" in name for name in own)
    assert own == {name for name in all_of_them if "/compress" in name}
    # What the two convolutions and the pooling read.
    assert len(all_of_them) == len(own) + 3
    kernels = [w.numpy().size for w in model.weights if len(w.shape) == 4]
    # A weight takes a byte, not four; ranges are added.
    assert 2 * sum(kernels) < sizes[0] - sizes[1] < 3 * sum(kernels)
    logits = exports.load_converted(report.path, "openvino")(given)
    expected = model.predict(given, verbose=0)
    error = np.abs(logits - expected)
    assert 0 < error.max() < 0.1 * np.abs(expected).max()
    assert report.int8_max_abs_difference == pytest.approx(
        error.max(), rel=0.05
    )
    same = np.argmax(logits, axis=-1) == np.argmax(expected, axis=-1)
    assert report.int8_agreement == pytest.approx(np.mean(same), abs=0.02)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("torch", {}, r"KERAS_BACKEND=torch.*format='torch'"),
        (["onnx"], {}, r"one of onnx, openvino, litert.*\['onnx'\]"),
        ("coreml", {}, "one of onnx, openvino, litert"),
        ("onnx", {"int8_images": IMAGES}, "for the format openvino"),
    ],
)
def test_refuses_wrong_arguments(tmp_path, classifier, name, options, message):
    with pytest.raises(ValueError, match=message):
        exports.convert(classifier(), tmp_path / "model", name, **options)
    assert not list(tmp_path.iterdir())


def test_refuses_names_of_other_classes(tmp_path, classifier):
    pytest.importorskip("tf2onnx")
    with pytest.raises(ValueError, match="each of the 4 logits"):
        exports.convert(classifier(), tmp_path / "model", "onnx", classes=["a"])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "options", "package", "extra"),
    [
        ("onnx", {}, "onnx", "onnx"),
        ("onnx", {}, "tf2onnx", "onnx"),
        ("onnx", {}, "onnxruntime", "onnx"),
        ("openvino", {}, "openvino", "openvino"),
        ("openvino", {"int8_images": IMAGES}, "nncf", "int8"),
        ("litert", {}, "ai_edge_litert", "litert"),
    ],
)
def test_missing_packages_are_named(
    tmp_path, monkeypatch, classifier, name, options, package, extra
):
    for each in ("onnx", "tf2onnx", "onnxruntime", "openvino", "nncf"):
        monkeypatch.setitem(sys.modules, each, types.ModuleType(each))
    monkeypatch.setitem(sys.modules, package, None)
    said = rf"needs `{package}`: pip install \"defense-zoo\[{extra}\]\""
    with pytest.raises(ImportError, match=said):
        exports.convert(classifier(), tmp_path / "model", name, **options)
    assert not list(tmp_path.iterdir())


def test_native_draws_cover_their_range():
    with drawing_by(NativeDraws()):
        whole = keras.random.randint((4000,), -1, 3, seed=1)
        share = keras.random.uniform((4000,), 2.0, 4.0, seed=1)
        normal = keras.random.normal((4000,), 3.0, 2.0, seed=1)
    assert sorted(np.unique(whole)) == [-1, 0, 1, 2]
    assert 2 <= np.min(share) < 2.01 and 3.99 < np.max(share) < 4
    assert np.mean(normal) == pytest.approx(3, abs=0.2)
    assert np.std(normal) == pytest.approx(2, abs=0.2)


def test_pinned_draws_repeat():
    def draw(seed):
        with drawing_by(PinnedDraws(seed)):
            return keras.random.uniform((3,), seed=1).numpy().tolist()

    assert draw(1) == draw(1) != draw(2)
