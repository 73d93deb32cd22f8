"""Tables of annotations: what is read and what is refused."""

from pathlib import Path

import pytest

from zoo.training.datasets.picture_files import PictureFile
from zoo.training.datasets.picture_files import load_picture_files
from zoo.training.datasets.picture_files import read_table

ROWS = [{"file": "a, b.png", "label": "é"}, {"file": "c.png", "label": ""}]


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("delimiter", [",", ";"])
def test_rows_by_column(tmp_path, mark, delimiter):
    path = tmp_path / "table.csv"
    lines = [f"file{delimiter}label", f'"a, b.png"{delimiter}é']
    lines.append(f"c.png{delimiter}")
    path.write_bytes((mark + "\r\n".join(lines) + "\r\n").encode())
    assert read_table(path, ("label", "file"), delimiter=delimiter) == ROWS


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "Received: no file, label"),
        (b"file;label\n", "Received: no file, label"),
        (b"file,size\na,1\n", "Received: no label"),
        (b"file,label\na,1\nb\n", "Received: row 2 without label"),
        (b"file,label\n\xff,1\n", "a table in UTF-8"),
    ],
)
def test_what_is_no_such_table(tmp_path, content, message):
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"{path} must .*{message}"):
        read_table(path, ("file", "label"))


def test_there_must_be_a_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"table\.csv"):
        read_table(tmp_path / "table.csv", ("file",))


@pytest.mark.parametrize("path", ["/etc/passwd", "../a.png", "a/../../b.png"])
def test_pictures_lie_below_their_folder(tmp_path, path):
    """A table may name any path."""
    pictures = [PictureFile(Path(path), 0)]
    with pytest.raises(ValueError, match="must lie below .*Received: "):
        load_picture_files(tmp_path, pictures, (8, 8, 3))
