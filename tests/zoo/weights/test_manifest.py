"""Descriptions of weight files, and the manifest that lists them."""

import hashlib

import pytest

from zoo.weights import GrownWeights
from zoo.weights import WeightFile
from zoo.weights import Weights
from zoo.weights.manifest import add_to_manifest
from zoo.weights.manifest import read_entry
from zoo.weights.manifest import read_manifest

HASH = "0" * 64


def file(name):
    return WeightFile(name, HASH, 10)


def test_describes_and_recognises_a_file(tmp_path):
    path = tmp_path / "a.weights.h5"
    path.write_bytes(b"content")
    described = WeightFile.from_path(path)
    digest = hashlib.sha256(b"content").hexdigest()
    assert described == WeightFile("a.weights.h5", digest, 7)
    assert described.matches(path)
    path.write_bytes(b"CONTENT")
    assert not described.matches(path)
    path.write_bytes(b"content and more")
    assert not described.matches(path)


def test_size_is_that_of_all_files():
    index, *shards = map(file, ("a.weights.json", "a_0.weights.h5", "a_1.h5"))
    weights = Weights((index, *shards))
    assert (weights.size, weights.sha256) == (30, HASH)


@pytest.mark.parametrize(
    "values",
    [
        ("folder/a.weights.h5", HASH, 1),
        ("..", HASH, 1),
        ("", HASH, 1),
        ("a.weights.h5", HASH[1:], 1),
        ("a.weights.h5", "A" * 64, 1),
        ("a.weights.h5", HASH, 0),
        ("a.weights.h5", HASH, 1.5),
    ],
)
def test_bad_files(values):
    with pytest.raises(ValueError, match="Received: "):
        WeightFile(*values)


@pytest.mark.parametrize(
    "names",
    [
        (),
        ("a.txt",),
        ("a.weights.json",),
        ("a.weights.h5", "b.weights.h5"),
        ("a.weights.json", "a_0.weights.h5", "a_0.weights.h5"),
    ],
)
def test_bad_sets_of_files(names):
    with pytest.raises(ValueError, match="Received: files="):
        Weights(tuple(map(file, names)))


def test_an_entry_gives_the_weights_it_was_made_of(tmp_path):
    path = tmp_path / "weights.json"
    one = Weights(
        (file("one.weights.h5"),), uri="hf://owner/repo", licence="MIT"
    )
    index, *shards = map(file, ("a.weights.json", "a_0.weights.h5"))
    sharded = Weights((index, *shards))
    add_to_manifest(path, "one", one)
    add_to_manifest(path, "a", sharded)
    entries = read_manifest(path)
    assert read_entry(entries["one"]) == one
    assert Weights.from_dict(entries["a"]) == sharded


def test_new_files_keep_the_address_and_the_other_entries(tmp_path):
    path = tmp_path / "weights.json"
    add_to_manifest(path, "b", Weights((file("b.weights.h5"),)))
    noted = {"uri": "hf://a/b", "licence": "MIT"}
    add_to_manifest(path, "a", Weights((file("a.weights.h5"),), **noted))
    before = path.read_bytes()
    new = WeightFile("a.weights.h5", "1" * 64, 20)
    add_to_manifest(path, "a", Weights((new,)))
    entries = read_manifest(path)
    assert list(entries) == ["a", "b"]
    assert Weights.from_dict(entries["a"]) == Weights((new,), **noted)
    add_to_manifest(path, "a", Weights((file("a.weights.h5"),)))
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "entry",
    [
        {"grown_from": "wrn16_2", "sha256": HASH},
        {"files": [], "url": "https://host"},
        {"files": []},
    ],
)
def test_entries_of_no_weights(entry):
    with pytest.raises(ValueError, match="Received: "):
        read_entry(entry)


def test_an_entry_of_grown_weights():
    entry = {"grown_from": "wrn16_2", "seed": 3, "sha256": HASH}
    assert read_entry(entry) == GrownWeights("wrn16_2", 3, HASH)
    with pytest.raises(ValueError, match="Received: sha256='short'"):
        read_entry(entry | {"sha256": "short"})
    with pytest.raises(ValueError, match="Received: entry="):
        Weights.from_dict(entry)
