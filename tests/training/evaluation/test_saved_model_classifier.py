"""SavedModels as black boxes."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.helpers import LinearModel
from zoo import exports
from zoo.inspection import is_stochastic
from zoo.training import load_saved_model
from zoo.training.attacks import fgsm
from zoo.training.attacks import noise
from zoo.training.attacks import square
from zoo.training.attacks import transfer
from zoo.training.evaluation import evaluate

SHAPE = (4, 5, 3)


@pytest.fixture
def linear():
    return LinearModel(SHAPE, num_classes=3)


@pytest.fixture
def images():
    return np.random.default_rng(0).random((7, *SHAPE), "float32")


def write(path, function, spec=(None, *SHAPE), dtype=tf.float32, **signatures):
    """Writes a function of images as a SavedModel."""
    module = tf.Module()
    signatures = signatures or {"serving_default": function}
    for name, body in signatures.items():
        signatures[name] = tf.function(
            body, input_signature=[tf.TensorSpec(spec, dtype, name="images")]
        )
    tf.saved_model.save(module, str(path), signatures=signatures)
    return path


def brightness(images):
    """Two logits by the mean of the pixels."""
    bright = tf.reduce_mean(tf.cast(images, tf.float32), (1, 2, 3))
    return tf.stack([-bright, bright], axis=-1)


def test_our_own_exports_give_their_logits(tmp_path, linear, images):
    exports.save(linear.keras, tmp_path / "served", classes=["a", "b", "c"])
    model = load_saved_model(tmp_path / "served")
    assert model.name == "served"
    assert model.input_shape == (None, *SHAPE)
    assert model.output_shape == (None, 3)
    logits = model.predict(images, verbose=0)
    expected = linear.keras.predict(images, verbose=0)
    np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-5)
    assert not is_stochastic(model)


def test_highest_version_is_taken(tmp_path, images):
    for version in (9, 10):
        write(
            tmp_path / "served" / str(version),
            lambda images, v=version: {"logits": v * brightness(images)},
        )
    (tmp_path / "served" / "11").mkdir()
    (tmp_path / "served" / "latest").mkdir()
    expected = brightness(images)
    for path, version in (("served", 10), ("served/9", 9)):
        logits = load_saved_model(tmp_path / path)(images)
        np.testing.assert_allclose(logits, version * expected, rtol=1e-6)


def test_keras_exports_of_probabilities_give_their_logarithms(
    tmp_path, linear, images
):
    """Up to a constant an image, these are the logits."""
    probabilities = keras.Sequential([linear.keras, keras.layers.Softmax()])
    probabilities.export(tmp_path / "served", verbose=False)
    logits = load_saved_model(tmp_path / "served").predict(images, verbose=0)
    expected = keras.ops.log_softmax(linear.keras.predict(images, verbose=0))
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-4)


def test_certain_probabilities_stay_finite(tmp_path, images):
    path = write(
        tmp_path / "served",
        lambda images: {
            "scores": tf.one_hot(tf.ones_like(images[:, 0, 0, 0], tf.int32), 3)
        },
    )
    assert np.isfinite(load_saved_model(path)(images)).all()


@pytest.mark.parametrize(
    "outputs",
    [
        lambda z: {"anything": z},
        lambda z: {"logits": z, "probabilities": tf.nn.softmax(z)},
        lambda z: {"classes": tf.argmax(z, -1), "z": tf.cast(z, tf.float64)},
        lambda z: {"probabilities": tf.nn.softmax(z), "other": z * 0},
    ],
    ids=["one", "both", "others", "probabilities"],
)
def test_which_output_is_taken(tmp_path, images, outputs):
    path = write(tmp_path / "a", lambda images: outputs(brightness(images)))
    logits = load_saved_model(path)(images)
    assert logits.dtype == tf.float32
    margin = brightness(images)
    np.testing.assert_allclose(
        logits[:, 1] - logits[:, 0], margin[:, 1] - margin[:, 0], rtol=1e-5
    )


def test_half_precision_input(tmp_path, images):
    path = write(tmp_path / "a", brightness, dtype=tf.bfloat16)
    expected = brightness(images)
    np.testing.assert_allclose(
        load_saved_model(path)(images), expected, atol=1e-2
    )


def test_open_size_needs_image_size(tmp_path, images):
    path = write(tmp_path / "a", brightness, spec=(None, None, None, 3))
    with pytest.raises(ValueError, match="any size.*`image_size`"):
        load_saved_model(path)
    model = load_saved_model(path, image_size=SHAPE[:2])
    assert model.input_shape == (None, *SHAPE)
    np.testing.assert_allclose(model(images), brightness(images), rtol=1e-6)


def test_size_that_is_not_the_models_is_refused(tmp_path):
    path = write(tmp_path / "a", brightness)
    with pytest.raises(ValueError, match=r"image_size=\(8, 8\)"):
        load_saved_model(path, image_size=(8, 8))


def test_what_is_no_saved_model(tmp_path):
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(FileNotFoundError, match="no SavedModel in"):
            load_saved_model(path)
    (tmp_path / "saved_model.pb").write_bytes(b"nonsense")
    with pytest.raises(ValueError, match="not a SavedModel that TensorFlow"):
        load_saved_model(tmp_path)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"function": None, "serve": brightness}, "Received: serve"),
        ({"function": brightness, "spec": (None, 4)}, "any number of float"),
        ({"function": brightness, "dtype": tf.uint8}, "any number of float"),
        ({"function": brightness, "spec": (1, *SHAPE)}, "any number of"),
        ({"function": lambda x: {"map": x}}, r"Received: the outputs map"),
        ({"function": lambda x: brightness(x)[:, :1]}, "Received: the outputs"),
        (
            {"function": lambda x: dict.fromkeys("ab", brightness(x))},
            "Received: the outputs a float32.*, b float32",
        ),
        ({"function": lambda x: brightness(x)[:1]}, "1 rows for 4 images"),
    ],
)
def test_what_is_no_classifier(tmp_path, options, said):
    if options.get("spec") == (None, 4):
        options = options | {"function": tf.identity}
    path = write(tmp_path / "a", **options)
    with pytest.raises(ValueError, match=said):
        load_saved_model(path)


class Noise(keras.layers.Layer):
    stochastic = True

    def __init__(self):
        super().__init__()
        self.generator = keras.random.SeedGenerator(0)

    def call(self, images):
        shape = keras.ops.shape(images)
        return images + keras.random.normal(shape, seed=self.generator)


def test_randomised_exports_are_stochastic(tmp_path, linear, images):
    model = keras.Sequential([keras.Input(SHAPE), Noise(), linear.keras])
    exports.save(model, tmp_path / "served")
    loaded = load_saved_model(tmp_path / "served")
    assert is_stochastic(loaded)
    assert not np.array_equal(loaded(images), loaded(images))


def test_dropout_alone_is_not(tmp_path, linear):
    model = keras.Sequential(
        [keras.Input(SHAPE), keras.layers.Dropout(0.5), linear.keras]
    )
    model.export(tmp_path / "served", verbose=False)
    assert not is_stochastic(load_saved_model(tmp_path / "served"))


@pytest.fixture
def black_box(tmp_path):
    return load_saved_model(write(tmp_path / "served", brightness))


def test_no_gradient_is_given(black_box, images):
    images = tf.constant(images)
    with tf.GradientTape() as tape:
        tape.watch(images)
        logits = black_box(images)
    assert tape.gradient(logits, images) is None


def test_gradient_attacks_are_refused_before_anything_runs(black_box, images):
    labels = np.zeros(len(images), "int64")
    message = r"needs the model's gradient, but served.*Received: attack=fgsm"
    attack = fgsm(eps=0.1)
    with pytest.raises(ValueError, match=message):
        attack(black_box, images, labels)
    with pytest.raises(ValueError, match=message):
        tf.function(lambda x: attack(black_box, x, labels))(images)
    with pytest.raises(ValueError, match=message):
        # The labels are wrong too, but nothing has looked at them.
        evaluate(black_box, (images, labels + 7), [attack], progress=False)
    inner = keras.Sequential([keras.Input(SHAPE), black_box])
    with pytest.raises(ValueError, match="needs the model's gradient"):
        attack(inner, images, labels)


@pytest.mark.parametrize(
    "attack",
    [
        lambda source: noise(eps=0.5, repeats=50, seed=0),
        lambda source: square(eps=0.5, queries=50, seed=0),
        lambda source: transfer(attack=fgsm(eps=0.5), source=source),
    ],
    ids=["noise", "square", "transfer"],
)
def test_black_box_attacks_run(tmp_path, linear, attack):
    exports.save(linear.keras, tmp_path / "served")
    model = load_saved_model(tmp_path / "served")
    images, labels = linear.batch(4)
    report = evaluate(
        model, (images, labels), [attack(linear.keras)], progress=False
    )
    assert report.clean_accuracy == 1
    assert report.attacks[0].robust_accuracy == 0
