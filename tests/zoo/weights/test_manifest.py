"""Descriptions of weight files."""

import hashlib

import pytest

from zoo.weights import WeightFile
from zoo.weights import Weights

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
