"""Pipes and devices are not opened; JSON is read within bounds."""

import os

import pytest

from zoo.pictures import read_picture
from zoo.regular_files import IrregularFileError
from zoo.regular_files import check_regular
from zoo.regular_files import read_json
from zoo.saved_model_folder import check_files
from zoo.saved_model_folder import read_classes
from zoo.weights.manifest import read_manifest


@pytest.fixture
def pipe(tmp_path):
    path = tmp_path / "pipe.png"
    os.mkfifo(path)
    return path


def test_what_is_no_file_is_told(pipe, tmp_path):
    for path, kind in (
        (pipe, "a pipe"),
        ("/dev/null", "a device"),
        (tmp_path, "a folder"),
    ):
        with pytest.raises(IrregularFileError, match=f"{path}; it is {kind}"):
            check_regular(path)
    with pytest.raises(FileNotFoundError):
        check_regular(tmp_path / "missing")


def test_readers_refuse_pipes(pipe, tmp_path):
    """They would wait for ever."""
    with pytest.raises(ValueError, match="cannot be read: it is a pipe"):
        read_picture(pipe, (8, 8, 3))
    with pytest.raises(OSError, match="a pipe"):
        read_manifest(pipe)
    model = tmp_path / "model"
    for name in ("variables/variables.data", "assets.extra/classes.json"):
        (model / name).parent.mkdir(parents=True)
        os.mkfifo(model / name)
    with pytest.raises(OSError, match="variables.data; it is a pipe"):
        check_files(model)
    with pytest.raises(OSError, match="classes.json; it is a pipe"):
        read_classes(model)


def test_graphs_are_measured_before_they_are_read(tmp_path):
    with (tmp_path / "saved_model.pb").open("wb") as file:
        file.truncate(3 * 10**9)
    with pytest.raises(ValueError, match="at most 2,147,483,647 bytes"):
        check_files(tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "JSON text in UTF-8"),
        (b"\xff\xfe", "JSON text in UTF-8"),
        (b"[" * 100_000, "JSON text in UTF-8"),
        (b"1" * 5000, "JSON text in UTF-8"),
        (b"[]", "hold an object"),
        (b'"x"', "hold an object"),
        (b" " * (2**23 + 1), "JSON text of at most 8,388,608 bytes"),
    ],
    ids=["cut", "bytes", "deep", "digits", "list", "text", "large"],
)
def test_wrong_json_names_its_file(tmp_path, content, said):
    path = tmp_path / "file.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"{path} must (be )?{said}"):
        read_json(path, dict)


def test_a_byte_order_mark_is_no_part_of_it(tmp_path):
    path = tmp_path / "file.json"
    path.write_text('\ufeff{"a": 1}', "utf-8")
    assert read_json(path, dict) == {"a": 1}
