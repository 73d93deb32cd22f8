"""What the command line knows of a model before it loads it."""

import json
import zipfile

import pytest

import zoo
from zoo.cli.models import NamedModel
from zoo.saved_model_folder import CLASSES_FILE

DIGITS = tuple("abcdefghij")


@pytest.fixture
def keras_file(tmp_path):
    """An archive that looks like a model's."""
    path = tmp_path / "own.keras"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("config.json", json.dumps({"class_name": "Functional"}))
    return path


@pytest.fixture
def saved_model(tmp_path):
    """A folder that looks like an export of two versions."""
    for version in ("1", "2"):
        folder = tmp_path / "served" / version
        (folder / CLASSES_FILE).parent.mkdir(parents=True)
        (folder / CLASSES_FILE).write_text(f'["cat{version}", "dog"]')
        (folder / "saved_model.pb").write_bytes(b"")
    return tmp_path / "served"


def test_a_preset_has_a_card():
    model = NamedModel.parse("irm_wrn16_2")
    assert (model.kind, model.is_preset) == ("preset", True)
    assert model.card == zoo.info("irm_wrn16_2")
    assert model.class_names(10) == list(model.card.classes)


def test_a_file_has_its_classes_beside_it(keras_file):
    model = NamedModel.parse(str(keras_file))
    assert (model.kind, model.card) == ("keras_file", None)
    assert model.class_names(3) == ["0", "1", "2"]
    beside = keras_file.with_suffix(".classes.txt")
    beside.write_bytes("cat\r\ndog\r\n".encode("utf-8-sig"))
    assert NamedModel.parse(str(keras_file)).classes == ("cat", "dog")
    with pytest.raises(ValueError, match="name each of its 3 classes"):
        NamedModel.parse(str(keras_file)).class_names(3)


def test_an_export_has_its_classes_in_its_newest_version(saved_model):
    model = NamedModel.parse(str(saved_model))
    assert (model.kind, model.classes) == ("saved_model", ("cat2", "dog"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_classes_from_windows(tmp_path, encoding):
    """Their first name has no byte-order mark in front."""
    file = tmp_path / "classes.txt"
    file.write_bytes("\r\n".join(DIGITS).encode(encoding))
    for classes in (str(file), ", ".join(DIGITS)):
        model = NamedModel.parse("wrn16_2", classes=classes)
        assert model.class_names(10) == list(DIGITS)


def test_a_presets_classes_are_counted_at_once():
    with pytest.raises(ValueError, match="has 10 classes; name each"):
        NamedModel.parse("wrn16_2", classes="cat,dog")


@pytest.mark.parametrize("text", ["missing.txt", "folder/missing"])
def test_a_missing_file_of_names_is_told(text):
    with pytest.raises(FileNotFoundError, match=f"Received: --classes={text}"):
        NamedModel.parse("wrn16_2", classes=text)


def test_names_have_no_escape_sequences():
    with pytest.raises(ValueError, match="no control characters"):
        NamedModel.parse("wrn16_2", classes="a,b,c,d,e,f,g,h,i,\x1b[2Jj")


@pytest.mark.parametrize(
    ("name", "received"), [("a/b", "the folder a/b"), ("x.keras", "x.keras")]
)
def test_other_kinds_are_refused_before_they_are_looked_at(name, received):
    with pytest.raises(ValueError, match=f"Only presets. Received: {received}"):
        NamedModel.parse(name, kinds=("preset",), rule="Only presets.")


def test_presets_need_weights_unless_they_are_trained_anew():
    with pytest.raises(ValueError, match="No weights have been published"):
        NamedModel.parse("irm_wrn28_10.aaac")
    assert NamedModel.parse("irm_wrn28_10.aaac", trained=False).card is not None
