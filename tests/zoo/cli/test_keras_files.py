"""Files of models: the softmax at the end, and the names of the classes."""

import json
import zipfile

import keras
import numpy as np
import pytest

from zoo.cli.keras_archives import check_keras_file
from zoo.cli.keras_files import as_logits
from zoo.cli.keras_files import read_class_names
from zoo.cli.keras_files import read_keras_file
from zoo.cli.keras_files import read_lines
from zoo.cli.keras_files import write_keras_file


class Noise(keras.layers.Layer):
    stochastic = True

    def __init__(self):
        super().__init__()
        self.generator = keras.random.SeedGenerator(7)

    def call(self, images):
        shape = keras.ops.shape(images)
        return images + keras.random.normal(shape, seed=self.generator)


def classifier(*last, shape=(None, None, 3), policy=None):
    return keras.Sequential(
        [
            keras.Input(shape),
            keras.layers.GlobalAveragePooling2D(dtype=policy),
            *last,
        ]
    )


@pytest.mark.parametrize("policy", ["float32", "bfloat16"])
def test_a_softmax_is_taken_away(policy):
    dense = keras.layers.Dense(100, activation="softmax", dtype=policy)
    model = classifier(dense, policy=policy)
    images = np.random.default_rng(0).random((4, 9, 7, 3), "float32")
    bare = as_logits(model, "model", (9, 7))
    confidences = keras.ops.softmax(keras.ops.cast(bare(images), "float32"))
    np.testing.assert_allclose(
        confidences, keras.ops.cast(model(images), "float32"), rtol=1e-2
    )
    assert float(keras.ops.min(bare(images))) < 0


def test_logits_stay_the_same_model_and_draw_nothing():
    noise = Noise()
    model = classifier(noise, keras.layers.Dense(3))
    before = np.asarray(noise.generator.state)
    assert as_logits(model, "model") is model
    np.testing.assert_array_equal(noise.generator.state, before)


def test_what_takes_no_images_is_left_to_others():
    model = keras.Sequential(
        [keras.Input((5,)), keras.layers.Dense(3), keras.layers.Softmax()]
    )
    assert as_logits(model, "model") is model


def test_other_confidences_are_refused():
    model = classifier(keras.layers.Softmax(), keras.layers.Lambda(abs))
    with pytest.raises(ValueError, match="softmax at its end away.*mine.keras"):
        as_logits(model, "mine.keras")


def test_names_of_an_older_file_are_not_kept(tmp_path):
    model = classifier(keras.layers.Dense(2))
    path = tmp_path / "model.keras"
    write_keras_file(model, path, ["dark", "light"])
    assert read_class_names(path) == ("dark", "light")
    write_keras_file(model, path, [])
    assert read_class_names(path) == ()


def archive(path, config, **members):
    """Writes a `.keras` file of such a config and other members."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("config.json", config)
        for name, content in members.items():
            file.writestr(name, content)


LAYER = {
    "module": "keras.layers",
    "class_name": "Dense",
    "config": {"units": 2},
    "registered_name": None,
}


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("{", "is not a Keras model file"),
        ("[]", "is not a Keras model file"),
        ("[" * 100_000, "is not a Keras model file"),
        ("{}", "is not a Keras model file"),
        (b" " * 2**27, "config.json would grow from"),
    ],
    ids=["cut", "list", "deep", "empty", "bomb"],
)
def test_what_is_no_model_is_told_without_loading_it(tmp_path, config, said):
    path = tmp_path / "file.keras"
    archive(path, config)
    with pytest.raises(ValueError, match=f"{path}.*{said}"):
        check_keras_file(path)


def test_damaged_files_are_told(tmp_path):
    path, cut = tmp_path / "model.keras", tmp_path / "cut.keras"
    classifier(keras.layers.Dense(2)).save(path)
    content = path.read_bytes()
    cut.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="cut.keras is not .* cut short"):
        check_keras_file(cut)
    start = content.index(b"\x89HDF") + 600
    path.write_bytes(content[:start] + b"\xff" * 99 + content[start + 99 :])
    with pytest.raises(ValueError, match="model.keras cannot be loaded as"):
        read_keras_file(path)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (LAYER, "not a Keras model file. It holds .* class Dense"),
        (
            LAYER | {"module": "keras.initializers", "class_name": "Zeros"},
            "not a Keras model file",
        ),
    ],
)
def test_other_objects_are_no_models(tmp_path, config, said):
    path = tmp_path / "file.keras"
    dense = tmp_path / "dense.keras"
    classifier(keras.layers.Dense(2)).save(dense)
    with zipfile.ZipFile(dense) as file:
        weights = file.read("model.weights.h5")
    config = config | {"config": config["config"] if "Dense" in said else {}}
    archive(path, json.dumps(config), **{"model.weights.h5": weights})
    with pytest.raises(ValueError, match=f"{path} is {said}"):
        read_keras_file(path)


def test_programs_are_loaded_if_trusted(tmp_path):
    path = tmp_path / "program.keras"
    classifier(
        keras.layers.Lambda(lambda x: 2 * x), keras.layers.Dense(2)
    ).save(path)
    with pytest.raises(ValueError, match=f"{path} holds a layer .* --trust"):
        read_keras_file(path)
    model = read_keras_file(path, trusted=True)
    assert model.output_shape == (None, 2)


def test_layers_that_read_files_are_refused(tmp_path):
    path, secret = tmp_path / "reads.keras", tmp_path / "secret.txt"
    secret.write_text("secret\n")
    classifier(keras.layers.Dense(2)).save(path)
    with zipfile.ZipFile(path) as file:
        members = {name: file.read(name) for name in file.namelist()}
    config = json.loads(members.pop("config.json"))
    config["config"]["layers"].append(
        {
            "module": "keras.layers",
            "class_name": "StringLookup",
            "config": {"name": "lookup", "vocabulary": str(secret)},
            "registered_name": None,
        }
    )
    archive(path, json.dumps(config), **members)
    with pytest.raises(ValueError, match=f"{path} holds a layer .* --trust"):
        read_keras_file(path)


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16"], ids=lambda name: name
)
def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path, encoding):
    """Windows' editors put it in front of a text."""
    path = tmp_path / "classes.txt"
    path.write_bytes("cat\r\nchâteau\r\n\r\n".encode(encoding))
    assert read_lines(path) == ("cat", "château")


def test_other_encodings_are_told(tmp_path):
    path = tmp_path / "classes.txt"
    path.write_bytes("château".encode("latin-1"))
    with pytest.raises(ValueError, match=f"{path} must be a text in UTF-8"):
        read_lines(path)


@pytest.mark.parametrize("name", ["two\nlines", "next\x85line", "\x1b[2J"])
def test_names_are_lines(tmp_path, name):
    path = tmp_path / "model.keras"
    with pytest.raises(ValueError, match="no control characters"):
        write_keras_file(None, path, ["cat", name])
    assert not any(tmp_path.iterdir())
