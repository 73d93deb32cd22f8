"""What commands take images from unless they are told."""

import argparse
import sys
import types

import pytest

from tests.command_line import failed
from zoo.cli.data import NamedImages
from zoo.cli.models import NamedModel


def parse(model, **options):
    named = (
        NamedModel(name=model, kind="keras_file")
        if model.endswith(".keras")
        else NamedModel.parse(model)
    )
    return NamedImages.parse(
        argparse.Namespace(
            data_dir=None, image_size=None, default_limit=7, **options
        ),
        named,
    )


@pytest.mark.parametrize(
    ("model", "data"),
    [
        ("irm_wrn16_2", "fashion_mnist_sample"),
        ("lisa_cnn", "rendered_signs_sample"),
        ("own.keras", "fashion_mnist_sample"),
    ],
)
def test_data_is_what_the_preset_was_made_for(model, data):
    images = parse(model, data=None, split=None, limit=None)
    assert (images.name, images.split, images.limit) == (data, "test", 7)


def test_what_is_given_stays():
    images = parse("lisa_cnn", data="photos", split="train", limit=1)
    assert (images.name, images.split, images.limit) == ("photos", "train", 1)


@pytest.mark.parametrize("command", ["attack", "evaluate"])
def test_missing_tfds_names_the_set(command, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    data = ("--data", "rendered_signs/crops32")
    line = failed(capsys, command, "lisa_cnn", *data)
    assert line.startswith("error: rendered_signs/crops32 is rendered through")


def test_missing_tfds_is_not_blamed_for_a_mistyped_folder(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    line = failed(capsys, "evaluate", "wrn16_2", "--data", "photoz")
    assert line.startswith("error: There is no folder photoz; as a data set")


@pytest.mark.parametrize("command", ["attack", "evaluate"])
def test_images_that_do_not_fit_name_their_set(command, capsys):
    line = failed(
        capsys,
        *(command, "lisa_cnn", "--data", "fashion_mnist_sample"),
        *("--limit", 2),
    )
    assert "fashion_mnist_sample doesn't suit lisa_cnn: images must fit" in line
    assert "(32, 32, 3). Received: shape=(2, 28, 28, 1)" in line


@pytest.mark.parametrize(
    ("model", "outputs", "data"),
    [
        ("wrn16_2", 10, "mnist"),  # As many classes, but others.
        ("wrn10_2", 40, "composed_photos/kinds"),
        ("own.keras", 4, "mnist"),
    ],
)
def test_a_set_of_other_classes_is_refused(model, outputs, data):
    pytest.importorskip("tensorflow_datasets")
    images = parse(model, data=data, split=None, limit=None)
    loaded = types.SimpleNamespace(output_shape=(None, outputs))
    with pytest.raises(ValueError, match=f"{data} must be of the classes of"):
        images.load(loaded)


def test_a_set_may_lack_the_last_classes():
    """LISA's data have no example of the 18th, but the networks know it."""
    from zoo.training import datasets

    pytest.importorskip("tensorflow_datasets")
    names = datasets.label_names("rendered_signs/crops32")
    known = NamedModel.parse("lisa_cnn").classes
    assert len(names) == 17
    assert names == known[:17]
    images = parse(
        "lisa_cnn", data="rendered_signs/crops32", split=None, limit=None
    )
    images._check_classes(len(known))
