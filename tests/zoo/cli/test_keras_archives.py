"""`.keras` files that would fill the memory or the disk are refused."""

import io
import json
import struct
import warnings
import zipfile

import h5py
import keras
import numpy as np
import pytest

from zoo.cli.keras_archives import check_keras_file
from zoo.cli.keras_files import read_keras_file

KERNEL = "layers/dense/vars/0"


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """Members of a `.keras` file of a linear model."""
    path = tmp_path_factory.mktemp("plain") / "plain.keras"
    images = keras.Input((8, 8, 3), name="images")
    pooled = keras.layers.GlobalAveragePooling2D(name="pooled")(images)
    keras.Model(images, keras.layers.Dense(2, name="logits")(pooled)).save(path)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write(path, members, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def edited(plain, change):
    """Members with another configuration."""
    config = json.loads(plain["config.json"])
    change({one["name"]: one for one in config["config"]["layers"]})
    return plain | {"config.json": json.dumps(config)}


def weights(plain, change):
    """Members with other weights."""
    content = io.BytesIO(plain["model.weights.h5"])
    with h5py.File(content, "r+") as file:
        change(file)
    return plain | {"model.weights.h5": content.getvalue()}


@pytest.mark.parametrize(
    "compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]
)
def test_models_load_however_they_are_packed(plain, tmp_path, compression):
    path = write(tmp_path / "model.keras", plain, compression)
    assert read_keras_file(path).output_shape == (None, 2)


def test_large_configurations_are_not_parsed(plain, tmp_path):
    config = b'{"class_name": [' + b"[]," * 3_000_000 + b"[]]}"
    members = plain | {"config.json": config}
    path = write(tmp_path / "a.keras", members, zipfile.ZIP_DEFLATED)
    with pytest.raises(ValueError, match="config.json .* at most 8,388,608"):
        check_keras_file(path)


def test_the_whole_archive_counts(plain, tmp_path):
    more = {f"assets/{index}": bytes(20_000_000) for index in range(4)}
    path = write(tmp_path / "a.keras", plain | more, zipfile.ZIP_DEFLATED)
    with pytest.raises(ValueError, match="No model file may grow more"):
        check_keras_file(path)


def test_wrong_sizes_of_members_are_refused(plain, tmp_path):
    """The table at the end says how much is packed, and may say anything."""
    path = write(tmp_path / "a.keras", plain)
    content = bytearray(path.read_bytes())
    entry = content.index(b"PK\x01\x02")
    content[entry + 20 : entry + 24] = struct.pack("<I", 10**9)
    path.write_bytes(content)
    with pytest.raises(ValueError, match="damaged or cut short"):
        check_keras_file(path)


def test_other_members_are_not_unpacked(plain, tmp_path, monkeypatch):
    """Keras leaves its folder behind where it cannot unpack one."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    more = {"assets/" + "a" * 300: b""}
    path = write(tmp_path / "a.keras", plain | more)
    with pytest.raises(ValueError, match="a config.json, a metadata.json"):
        read_keras_file(path)
    assert not any((tmp_path / "temporary").iterdir())


def declares(shape, **options):
    def change(file):
        del file[KERNEL]
        file.create_dataset(KERNEL, shape, "float32", **options)

    return change


def complex_numbers(file):
    values = file[KERNEL][()]
    del file[KERNEL]
    file[KERNEL] = values + 1j


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            declares((10**6, 1000), chunks=(1000, 1000), compression="gzip"),
            "4,000,000,.* bytes that are declared in",
        ),
        (complex_numbers, "real numbers. Received: .* of type complex64"),
        (declares((5, 2)), "shape"),
    ],
    ids=["bomb", "complex", "misfit"],
)
def test_weights_are_looked_at_first(plain, tmp_path, change, said):
    path = write(tmp_path / "a.keras", weights(plain, change))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match=f"cannot be loaded as.*{said}"):
            read_keras_file(path)


def units(layers):
    layers["logits"]["config"]["units"] = 10**7


def side(layers):
    shape = [None, 12000, 12000, 3]
    layers["images"]["config"]["batch_shape"] = shape


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (units, "must store its weights. Received: 30,000,000"),
        (side, "No layer may give more than 268,435,456 numbers"),
    ],
)
def test_what_is_asked_for_must_be_stored(plain, tmp_path, change, said):
    path = write(tmp_path / "a.keras", edited(plain, change))
    with pytest.raises(ValueError, match=said):
        read_keras_file(path)


@pytest.mark.parametrize("value", [float("nan"), "x", -5])
def test_wrong_options_are_told_as_such(plain, tmp_path, value):
    def change(layers):
        layers["logits"]["config"]["units"] = value

    path = write(tmp_path / "a.keras", edited(plain, change))
    with pytest.raises(ValueError, match="cannot be loaded as") as error:
        read_keras_file(path)
    assert "doesn't know" not in str(error.value)
    assert "\x1b" not in str(error.value)


def test_a_member_may_be_read_in_any_order(plain, tmp_path):
    from zoo.cli.keras_archives import _Part

    path = write(tmp_path / "a.keras", plain)
    with zipfile.ZipFile(path) as archive, open(path, "rb") as file:
        part = _Part(file, archive.getinfo("model.weights.h5"))
        whole = plain["model.weights.h5"]
        assert part.read() == whole
        part.seek(-7, io.SEEK_END)
        assert part.read(20) == whole[-7:]
        part.seek(100)
        part.seek(5, io.SEEK_CUR)
        assert part.read(3) == whole[105:108]
        with h5py.File(part) as content:
            assert content[KERNEL].shape == np.shape(content[KERNEL][()])
