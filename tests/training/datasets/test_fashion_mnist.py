"""Restoring the upstream gzip headers."""

import gzip
import struct

import pytest

from zoo.training.datasets.fashion_mnist import main
from zoo.training.datasets.fashion_mnist import prepare
from zoo.training.datasets.fashion_mnist import restore_header

NAME = "t10k-labels-idx1-ubyte.gz"


def stripped(content: bytes) -> bytes:
    """A gzip file without name and time, as Debian's are."""
    packed = gzip.compress(content, mtime=0)
    assert packed[3] == 0
    return packed


def test_restored_file_unpacks_and_names_itself():
    restored = restore_header(stripped(b"labels"), NAME)
    assert gzip.decompress(restored) == b"labels"
    assert restored[3] == 0x08
    assert struct.unpack("<I", restored[4:8]) == (1504176627,)
    assert restored[10:].startswith(b"t10k-labels-idx1-ubyte\0")


def test_upstream_file_is_left_alone():
    upstream = restore_header(stripped(b"labels"), NAME)
    assert restore_header(upstream, NAME) == upstream


def test_other_files_are_refused():
    with pytest.raises(ValueError, match=f"{NAME} is not a gzip file"):
        restore_header(b"<html>", NAME)


def test_missing_files_are_named(tmp_path, capsys):
    (tmp_path / NAME).write_bytes(b"")
    with pytest.raises(FileNotFoundError, match="lacks train-images") as error:
        prepare(tmp_path, tmp_path)
    assert NAME not in str(error.value)
    assert main(["--source", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith("error: ")
