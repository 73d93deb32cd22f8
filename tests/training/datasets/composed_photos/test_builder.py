"""`composed_photos` as TFDS prepares it."""

import numpy as np
import pytest
import tensorflow_datasets as tfds

from zoo.presets.composed_photos import CLASSES
from zoo.training import datasets
from zoo.training.datasets.composed_photos import prepare as prepare_
from zoo.training.datasets.composed_photos.builder import ComposedPhotos
from zoo.training.datasets.composed_photos.composing import compose
from zoo.training.datasets.composed_photos.sources import find_stamps
from zoo.training.datasets.composed_photos.stamps import KINDS
from zoo.training.datasets.rendering.photographs import SPLITS

TINY = {"train": 6, "validation": 2, "test": 3}


@pytest.fixture
def tiny(monkeypatch):
    """Few pictures of each split."""
    for config in ComposedPhotos.builder_configs.values():
        monkeypatch.setattr(config, "examples", TINY)


@pytest.fixture
def own(stamps, photographs):
    """Options of the small photographs."""
    return {"stamps": stamps, "backgrounds": photographs}


def test_objects_are_a_set_by_name(tiny, own, tmp_path, monkeypatch):
    """Only the split asked for is composed."""
    monkeypatch.setattr(ComposedPhotos.__init__, "__kwdefaults__", own)
    loaded = datasets.load("composed_photos/objects", "test", data_dir=tmp_path)
    images, labels = zip(*loaded.as_numpy_iterator(), strict=True)
    assert images[0].shape == (128, 128, 3) and images[0].dtype == "float32"
    assert sorted(labels) == [0, 1, 2]
    image = dict(zip(labels, images, strict=True))[1]
    np.testing.assert_array_equal(
        np.rint(image * 255).astype("uint8"), compose("test", 1, **own).image
    )
    folders = (tmp_path / "composed_photos").glob("objects*")
    assert [folder.name for folder in folders] == ["objects-test"]


def test_examples_say_where_the_object_is(tiny, own, tmp_path):
    """And no photograph is behind the pictures of two splits."""
    builder = ComposedPhotos(config="kinds", data_dir=tmp_path, **own)
    builder.download_and_prepare()
    names = builder.info.features["label"].names
    assert tuple(names) == tuple(KINDS)
    used = {}
    for split in SPLITS:
        stamps = find_stamps(split, kinds=True, folder=own["stamps"])
        examples = list(tfds.as_numpy(builder.as_dataset(split=split)))
        assert len(examples) == TINY[split]
        used[split] = {example["background"] for example in examples}
        for example in examples:
            label = int(example["label"])
            expected = compose(split, label, kinds=True, **own)
            np.testing.assert_array_equal(example["image"], expected.image)
            np.testing.assert_array_equal(example["mask"], expected.mask)
            stamp = stamps[names[label]][expected.stamp]
            assert example["stamp"].decode() == stamp.name
    assert not used["train"] & used["test"]
    assert not (used["train"] | used["test"]) & used["validation"]


def test_registered_sizes():
    configs = ComposedPhotos.builder_configs
    classes = {"objects": len(CLASSES), "kinds": len(KINDS)}
    assert set(configs) == set(classes) == set(prepare_.CONFIGS)
    for name, config in configs.items():
        assert config.size == 128 and set(config.examples) == set(SPLITS)
        assert all(n % classes[name] == 0 for n in config.examples.values())


def test_progress_knows_its_end(tiny, own, tmp_path):
    builder = ComposedPhotos(config="objects", data_dir=tmp_path, **own)
    generators = builder._split_generators(None)
    assert {name: len(part) for name, part in generators.items()} == TINY


def test_missing_photographs_are_told_in_one_line(tiny, tmp_path, capsys):
    nowhere = str(tmp_path / "nowhere")
    command = ["objects", "--stamps", nowhere, "--data-dir", str(tmp_path)]
    assert prepare_.main(command) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: composed_photos is composed of installed")
    assert "apt-get install tuxpaint-stamps-default" in error


def test_own_backgrounds_are_prepared_by_the_command(
    tiny, stamps, photographs, tmp_path, capsys
):
    command = [
        *("objects", "--stamps", str(stamps), "--data-dir", str(tmp_path)),
        *("--backgrounds", str(photographs)),
    ]
    assert prepare_.main(command) == 0
    folder = tmp_path / "composed_photos" / "objects" / "1.0.0"
    assert capsys.readouterr().out.splitlines()[-1] == str(folder)
    dataset = datasets.load(
        "composed_photos/objects", "train", data_dir=tmp_path
    )
    assert len(list(dataset)) == TINY["train"]
    assert prepare_.main(command) == 1
    assert "need a folder without the set" in capsys.readouterr().err


def test_own_backgrounds_never_replace_the_published_set(stamps, photographs):
    with pytest.raises(ValueError, match="Received: data_dir=None"):
        prepare_.prepare("objects", stamps=stamps, backgrounds=photographs)


def test_unknown_config_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"objects, kinds. Received: config="):
        prepare_.prepare("object")
    with pytest.raises(ValueError, match="objects, composed_photos/kinds"):
        datasets.load("composed_photos/object", data_dir=tmp_path)
