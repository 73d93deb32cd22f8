"""`rendered_objects` as TFDS prepares it."""

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from zoo.training import datasets
from zoo.training.datasets.rendered_objects import builder as module
from zoo.training.datasets.rendered_objects.builder import RenderedObjects
from zoo.training.datasets.rendered_objects.rendering import render_object

TINY = {"train": 8, "validation": 4, "test": 4}


@pytest.fixture
def tiny(monkeypatch):
    """Few pictures of each split."""
    for config in RenderedObjects.builder_configs.values():
        monkeypatch.setattr(config, "examples", TINY)


def test_all_features_are_loaded_by_name(tiny, tmp_path):
    loaded = datasets.load_features(
        "rendered_objects/painted", "train", data_dir=tmp_path
    )
    assert set(loaded.element_spec) == {
        "image",
        "label",
        "pose",
        "alpha",
        "clean",
    }
    examples = list(loaded.as_numpy_iterator())
    rendered = {
        shown.image.tobytes(): (index % 4, shown)
        for index in range(8)
        for shown in [render_object("train", index, backgrounds="painted")]
    }
    assert len(examples) == len(rendered) == 8
    for example in examples:
        label, shown = rendered[example["image"].tobytes()]
        assert example["label"] == label
        for name in ("pose", "alpha", "clean"):
            np.testing.assert_array_equal(example[name], getattr(shown, name))
    # Only this split was rendered.
    folders = [path.name for path in (tmp_path / "rendered_objects").glob("p*")]
    assert folders == ["painted-train"]


def test_pixels_and_labels_are_loaded_by_name(tiny, tmp_path):
    name = "rendered_objects/painted"
    images, labels = zip(
        *datasets.load(name, "test", data_dir=tmp_path).as_numpy_iterator(),
        strict=True,
    )
    features = datasets.load_features(name, "test", data_dir=tmp_path)
    stored = [example["image"] for example in features.as_numpy_iterator()]
    np.testing.assert_allclose(images, np.array(stored) / 255, atol=1e-6)
    assert images[0].dtype == "float32" and sorted(labels) == [0, 1, 2, 3]
    info = tfds.builder(f"{name}-test", data_dir=tmp_path).info
    assert info.features["label"].names == [
        "monkey",
        "aeroplane",
        "penguin",
        "none",
    ]


def prepare(folder, **options):
    config = module.RenderedObjectsConfig(name="tiny", examples=TINY, **options)
    built = RenderedObjects(data_dir=folder / "tfds", config=config)
    built.download_and_prepare()
    return built


def test_a_folder_of_photographs_is_written_down(tmp_path):
    photographs = tmp_path / "photos"
    photographs.mkdir()
    for name in "abc":
        Image.new("L", (80, 80), 90).save(photographs / f"{name}.png")
    built = prepare(tmp_path, backgrounds=str(photographs), seed=3)
    read = tfds.builder("rendered_objects/tiny", data_dir=tmp_path / "tfds")
    assert read.info.metadata["backgrounds"] == str(photographs)
    names = read.info.metadata["photographs"]
    assert sorted(name.partition(": ")[0] for name in names) == sorted(TINY)
    assert {name.partition(": ")[2] for name in names} == {
        "photos/a.png",
        "photos/b.png",
        "photos/c.png",
    }
    for example in tfds.as_numpy(built.as_dataset(split="test")):
        assert (example["image"][example["alpha"] == 0] == 90).all()


def test_without_photographs_the_backgrounds_are_painted(
    tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr(module, "find_photographs", lambda folder: [])
    built = prepare(tmp_path)
    assert "backgrounds of rendered_objects are painted" in caplog.text
    assert built.info.metadata["backgrounds"] == "painted"
    stored = {
        example["image"].tobytes()
        for example in tfds.as_numpy(built.as_dataset(split="validation"))
    }
    assert stored == {
        render_object(
            "validation", index, backgrounds="painted"
        ).image.tobytes()
        for index in range(4)
    }


def test_tux_that_is_not_installed_is_told_at_once(tmp_path, monkeypatch):
    def refuse():
        raise FileNotFoundError("install Debian's extremetuxracer-data")

    monkeypatch.setattr(
        "zoo.training.datasets.rendered_objects.meshes.read_tux", refuse
    )
    with pytest.raises(FileNotFoundError, match="extremetuxracer"):
        prepare(tmp_path, penguin="tux", backgrounds="painted")


def test_registered_sizes():
    """The paper's 40,000 to train on and 10,000 to test a class."""
    for config in RenderedObjects.builder_configs.values():
        assert config.examples == {
            "train": 4 * 40_000,
            "validation": 4 * 2_000,
            "test": 4 * 10_000,
        }


def test_features_of_other_sets_are_refused():
    with pytest.raises(ValueError, match="rendered_objects.*'mnist'"):
        datasets.load_features("mnist")
