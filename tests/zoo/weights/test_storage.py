"""Half-precision weight files."""

import json
import math

import h5py
import keras
import numpy as np
import pytest

from zoo.weights import WeightFile
from zoo.weights import Weights
from zoo.weights import load_weights
from zoo.weights import save_weights
from zoo.weights.manifest import read_manifest

SHAPE = (6, 6, 1)


def network(channels=4, classes=3, depth=1, **options):
    """A network inside a network, with random states in both."""
    images = keras.Input(SHAPE)
    x = images
    for _ in range(depth):
        x = keras.layers.Conv2D(channels, 3, padding="same")(x)
        x = keras.layers.BatchNormalization()(x)
    x = keras.layers.Dropout(0.5)(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    logits = keras.layers.Dense(classes, dtype="float32", name="logits")(x)
    inner = keras.Model(images, logits)
    images = keras.Input(SHAPE)
    noisy = keras.layers.GaussianNoise(0.1)(images)
    model = keras.Model(images, inner(noisy), name="network", **options)
    rng = np.random.default_rng(0)
    model.set_weights(
        [rng.uniform(0.1, 1.0, w.shape) for w in model.get_weights()]
    )
    return model


def different(model):
    model.set_weights([0 * w for w in model.get_weights()])
    return model


def pairs(one, other):
    return zip(one.get_weights(), other.get_weights(), strict=True)


@pytest.fixture
def images():
    return np.random.default_rng(1).random((5, *SHAPE), "float32")


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [("float32", 0.0), ("float16", 2.0**-11)]
)
def test_round_trip(tmp_path, dtype, tolerance):
    """Float32 is exact, float16 correctly rounded."""
    saved, loaded = network(), different(network())
    path = tmp_path / "net.weights.h5"
    save_weights(saved, path, dtype=dtype)
    load_weights(loaded, path)
    for old, new in pairs(saved, loaded):
        assert new.dtype == "float32"
        assert np.allclose(old, new, rtol=tolerance, atol=0)


def test_file_is_half_as_large(tmp_path):
    model = network(channels=64)
    count = model.count_params()
    half = save_weights(model, tmp_path / "half.weights.h5")
    full = save_weights(model, tmp_path / "full.weights.h5", dtype="float32")
    assert full.size - half.size == pytest.approx(2 * count, rel=0.1)


def test_record_describes_the_file(tmp_path):
    path = tmp_path / "made" / "net.weights.h5"
    weights = save_weights(network(), str(path))
    assert weights.files == (WeightFile.from_path(path),)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("limit", [None, 200])
def test_publishing_notes_the_files_under_the_presets_name(tmp_path, limit):
    manifest = tmp_path / "weights.json"
    weights = save_weights(
        network(channels=32),
        tmp_path / "files" / "net.v1.weights.h5",
        max_shard_size=limit,
        manifest=manifest,
        licence="MIT",
    )
    assert weights.licence == "MIT"
    entries = read_manifest(manifest)
    assert list(entries) == ["net.v1"]
    assert Weights.from_dict(entries["net.v1"]) == weights


def test_equal_weights_give_equal_bytes(tmp_path):
    model = network()
    once = save_weights(model, tmp_path / "a.weights.h5")
    again = save_weights(model, tmp_path / "b.weights.h5")
    assert once.sha256 == again.sha256


def test_loads_into_mixed_bfloat16(tmp_path, images):
    path = tmp_path / "net.weights.h5"
    saved = network()
    save_weights(saved, path)
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        loaded = different(network())
    finally:
        keras.config.set_dtype_policy("float32")
    load_weights(loaded, path)
    assert {w.dtype for w in loaded.weights} == {"float32"}
    assert np.allclose(saved(images), loaded(images), rtol=0.03, atol=0.03)


def test_keras_reads_the_file_too(tmp_path):
    path = tmp_path / "net.weights.h5"
    saved, loaded = network(), different(network())
    save_weights(saved, path, dtype="float32")
    loaded.load_weights(path)
    for old, new in pairs(saved, loaded):
        assert np.array_equal(old, new)


def test_compiled_model_leaves_its_optimizer_out(tmp_path, images):
    model = network()
    plain = save_weights(model, tmp_path / "plain.weights.h5")
    model.compile("adam", "mse", metrics=["mae"])
    model.train_on_batch(images, np.zeros((5, 3)))
    trained = save_weights(model, tmp_path / "trained.weights.h5")
    assert trained.size == plain.size
    loaded = different(network())
    load_weights(loaded, tmp_path / "trained.weights.h5")
    assert np.allclose(model(images), loaded(images), atol=1e-2)


def test_reads_a_file_with_an_optimizer(tmp_path, images):
    model = network()
    model.compile("adam", "mse")
    model.train_on_batch(images, np.zeros((5, 3)))
    model.save_weights(tmp_path / "keras.weights.h5")
    loaded = different(network())
    load_weights(loaded, tmp_path / "keras.weights.h5")
    assert np.array_equal(model(images), loaded(images))


def test_randomness_is_not_published(tmp_path):
    """Two models that read one file draw different noise."""
    path = tmp_path / "net.weights.h5"
    save_weights(network(), path)
    states = []
    for _ in range(2):
        model = network()
        load_weights(model, path)
        states.append(
            [
                tuple(keras.ops.convert_to_numpy(v.value))
                for v in model.variables
                if "seed_generator" in v.path
            ]
        )
    assert len(states[0]) == 2
    assert not set(states[0]) & set(states[1])


def test_shards(tmp_path):
    saved, loaded = network(channels=32), different(network(channels=32))
    limit = 200
    weights = save_weights(
        saved,
        tmp_path / "net.v1.weights.h5",
        dtype="float16",
        max_shard_size=limit,
    )
    names = [file.name for file in weights.files]
    assert names[0] == "net.v1.weights.json"
    assert {file.name for file in tmp_path.iterdir()} == set(names)
    largest = max(math.prod(w.shape) for w in saved.weights) * 2
    for name in names[1:]:
        with h5py.File(tmp_path / name) as shard:
            sizes = []
            shard.visititems(
                lambda _, item, sizes=sizes: sizes.append(
                    getattr(item, "nbytes", 0)
                )
            )
        assert 0 < sum(sizes) <= max(limit, largest)
    index = json.loads((tmp_path / names[0]).read_text())
    assert index["metadata"]["total_size"] == 2 * saved.count_params()
    load_weights(loaded, tmp_path / names[0])
    for old, new in pairs(saved, loaded):
        assert np.allclose(old, new, rtol=2.0**-11)


def test_models_within_the_limit_are_not_sharded(tmp_path):
    model = network()
    path = tmp_path / "net.weights.h5"
    size = 2 * model.count_params()
    assert len(save_weights(model, path, max_shard_size=size).files) == 1
    assert len(save_weights(model, path, max_shard_size=size - 1).files) > 1
    assert len(save_weights(model, path, max_shard_size=None).files) == 1


@pytest.mark.parametrize("name", ["net.weights.h5", "net.weights.json"])
def test_lfs_pointers_are_named(tmp_path, name):
    path = tmp_path / name
    path.write_text("version https://git-lfs.github.com/spec/v1\nsize 9\n")
    with pytest.raises(ValueError, match=f"Git LFS pointer.*{name}"):
        load_weights(network(), path)


def test_missing_and_damaged_shards(tmp_path):
    model = network(channels=32)
    path = tmp_path / "net.weights.h5"
    weights = save_weights(model, path, max_shard_size=200)
    index = tmp_path / weights.files[0].name
    shard = tmp_path / weights.files[1].name
    content = shard.read_bytes()
    shard.unlink()
    with pytest.raises(FileNotFoundError, match=f"Received.*{shard.name}"):
        load_weights(model, index)
    shard.write_bytes(content[:100])
    with pytest.raises(ValueError, match=f"damaged.*{shard.name}"):
        load_weights(model, index)
    for text in ("{", "[]", '{"weight_map": {"a": "../x"}}'):
        index.write_text(text)
        with pytest.raises(ValueError, match=f"damaged.*{index.name}"):
            load_weights(model, index)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e5])
def test_values_beyond_half_precision(tmp_path, value):
    model = network()
    values = model.get_weights()
    values[0].flat[0] = value
    model.set_weights(values)
    name = model.weights[0].path
    with pytest.raises(ValueError, match=f"finite.*65504.*{name}"):
        save_weights(model, tmp_path / "net.weights.h5")
    assert list(tmp_path.iterdir()) == []
    if np.isfinite(value):
        save_weights(model, tmp_path / "net.weights.h5", dtype="float32")


def test_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "net.weights.h5"
    path.write_bytes(b"old")

    def full_disk(*_, **__):
        raise OSError("No space left on device")

    monkeypatch.setattr(keras.saving, "save_weights", full_disk)
    with pytest.raises(OSError, match="No space"):
        save_weights(network(), path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("net.h5", {}),
        ("net.weights.json", {}),
        ("net.weights.h5", {"dtype": "bfloat16"}),
        ("net.weights.h5", {"max_shard_size": 0}),
    ],
)
def test_bad_arguments(tmp_path, name, options):
    with pytest.raises(ValueError, match="Received: "):
        save_weights(network(), tmp_path / name, **options)
    assert list(tmp_path.iterdir()) == []


def error(model, path):
    with pytest.raises(ValueError) as caught:
        load_weights(model, path)
    message = str(caught.value)
    assert "\n" not in message
    assert path.name in message
    assert len(message) < 500
    return message


@pytest.mark.parametrize("keep", [0, 100, 2000, -10])
def test_truncated_file(tmp_path, keep):
    path = tmp_path / "net.weights.h5"
    save_weights(network(), path)
    path.write_bytes(path.read_bytes()[:keep])
    assert "damaged" in error(network(), path)


def test_other_shape(tmp_path):
    path = tmp_path / "net.weights.h5"
    save_weights(network(channels=4), path)
    assert "(3, 3, 1, 5)" in error(network(channels=5), path)


@pytest.mark.parametrize(("saved", "wanted"), [(1, 2), (2, 1)])
def test_other_depth(tmp_path, saved, wanted):
    """A file with too much in it is refused like one with too little."""
    path = tmp_path / "net.weights.h5"
    save_weights(network(channels=1, depth=saved), path)
    message = error(network(channels=1, depth=wanted), path)
    assert f"hold the {6 * wanted + 2} variables" in message
    assert f"Received: {6 * saved + 2} variables" in message


def test_other_layers(tmp_path):
    path = tmp_path / "net.weights.h5"
    inputs = keras.Input(SHAPE)
    x = keras.layers.Flatten()(inputs)
    for _ in range(4):
        x = keras.layers.Dense(2)(x)
    save_weights(keras.Model(inputs, x), path)
    assert "must fit `network`" in error(network(), path)


class Nested(keras.layers.Layer):
    """Layers in a list of lists, which Keras alone loads leniently."""

    def __init__(self, layers):
        super().__init__()
        self.groups = [layers]

    def call(self, inputs):
        for layer in self.groups[0]:
            inputs = layer(inputs)
        return inputs


def test_missing_list_of_layers(tmp_path):
    path = tmp_path / "net.weights.h5"
    inputs = keras.Input((4,))
    plain = keras.Model(inputs, keras.layers.Dense(2)(inputs))
    nested = keras.Model(inputs, Nested([keras.layers.Dense(2)])(inputs))
    save_weights(plain, path)
    assert "must fit" in error(nested, path)
    save_weights(nested, path)
    load_weights(nested, path)


def test_skipped_layers_keep_their_weights(tmp_path):
    path = tmp_path / "net.weights.h5"
    saved, loaded = network(classes=3), network(classes=7)
    head = loaded.layers[-1].get_layer("logits")
    before = head.get_weights()
    different(saved)
    save_weights(saved, path)
    load_weights(loaded, path, skip=[head])
    for old, new in zip(before, head.get_weights(), strict=True):
        assert np.array_equal(old, new)
    assert not any(np.any(w) for w in loaded.get_weights()[:-2])


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="Received: path="):
        load_weights(network(), tmp_path / "net.weights.h5")
    with pytest.raises(ValueError, match="must end in"):
        load_weights(network(), tmp_path / "net.keras")


def test_declared_shapes_are_compared_before_they_are_read(tmp_path):
    """A few bytes declare an array of any size."""
    path = tmp_path / "net.weights.h5"
    save_weights(network(), path)
    with h5py.File(path, "r+") as file:
        names = []
        file.visit(names.append)
        name = next(one for one in names if one.endswith("vars/0"))
        del file[name]
        file.create_dataset(
            name, (10**6, 1000), "f4", chunks=(1000, 1000), compression="gzip"
        )
    with pytest.raises(ValueError, match="must fit .* of 1,000,000,000 in"):
        load_weights(network(), path)


def test_complex_weights_are_refused(tmp_path):
    path = tmp_path / "net.weights.h5"
    save_weights(network(), path)
    with h5py.File(path, "r+") as file:
        names = []
        file.visit(names.append)
        name = next(one for one in names if one.endswith("vars/0"))
        values = file[name][()]
        del file[name]
        file[name] = values + 1j
    with pytest.raises(ValueError, match="real numbers. Received: .*complex"):
        load_weights(network(), path)
