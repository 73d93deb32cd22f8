"""What the files of a SavedModel say."""

import pytest

from zoo.saved_model_folder import CLASSES_FILE
from zoo.saved_model_folder import newest_version
from zoo.saved_model_folder import read_classes
from zoo.saved_model_folder import write_classes


def test_newest_version_is_the_highest_number(tmp_path):
    for name in ("9", "10", "latest"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "saved_model.pb").touch()
    (tmp_path / "11").mkdir()
    assert newest_version(tmp_path) == tmp_path / "10"
    assert newest_version(tmp_path / "latest") == tmp_path / "latest"


def test_no_saved_model(tmp_path):
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(FileNotFoundError, match=f"SavedModel in {path}"):
            newest_version(path)


def test_classes_round_trip(tmp_path):
    assert read_classes(tmp_path) == ()
    write_classes(tmp_path, ["Hemd, weiß", "shoe"])
    assert read_classes(tmp_path) == ("Hemd, weiß", "shoe")


@pytest.mark.parametrize("text", ["", "{}", '"shoe"', "[1, 2]"])
def test_other_contents_are_named(tmp_path, text):
    write_classes(tmp_path, [])
    path = tmp_path / CLASSES_FILE
    path.write_text(text)
    with pytest.raises(ValueError, match=str(path)):
        read_classes(tmp_path)


def test_a_byte_order_mark_is_no_part_of_the_file(tmp_path):
    write_classes(tmp_path, ["shoe"])
    path = tmp_path / CLASSES_FILE
    path.write_text("\ufeff" + path.read_text("utf-8"), "utf-8")
    assert read_classes(tmp_path) == ("shoe",)


def test_names_that_would_act_on_a_terminal_are_refused(tmp_path):
    write_classes(tmp_path, [])
    (tmp_path / CLASSES_FILE).write_text('["\\u001b[2Jshirt"]')
    with pytest.raises(ValueError, match="no control characters") as error:
        read_classes(tmp_path)
    assert str(error.value).isprintable()


def test_numbers_are_written_as_names(tmp_path):
    write_classes(tmp_path, range(3))
    assert read_classes(tmp_path) == ("0", "1", "2")
