"""`rendered_signs` as TFDS prepares it."""

import numpy as np
import pytest
import tensorflow_datasets as tfds

from zoo.training import datasets
from zoo.training.datasets import LISA_CLASSES
from zoo.training.datasets.rendered_signs import rendering
from zoo.training.datasets.rendered_signs.builder import RenderedSigns
from zoo.training.datasets.rendered_signs.builder import RenderedSignsConfig
from zoo.training.datasets.rendering.parallel import render_many

TINY = {"train": 20, "validation": 2, "test": 5}


@pytest.fixture
def tiny(monkeypatch):
    """Few pictures of each split."""
    for config in RenderedSigns.builder_configs.values():
        monkeypatch.setattr(config, "examples", TINY)


def test_crops_are_a_set_by_name(tiny, tmp_path):
    loaded = datasets.load("rendered_signs/crops32", "train", data_dir=tmp_path)
    images, labels = zip(*loaded.as_numpy_iterator(), strict=True)
    assert images[0].shape == (32, 32, 3) and images[0].dtype == "float32"
    assert sorted(labels) == sorted(index % 17 for index in range(20))
    rendered = {
        rendering.crop("train", index).image.tobytes() for index in range(20)
    }
    stored = {np.rint(i * 255).astype("uint8").tobytes() for i in images}
    assert stored == rendered
    builder = tfds.builder("rendered_signs", data_dir=tmp_path)
    assert tuple(builder.info.features["label"].names) == LISA_CLASSES


def images(split, folder):
    dataset = datasets.load("rendered_signs/crops32", split, data_dir=folder)
    return [image.tobytes() for image, _ in dataset.as_numpy_iterator()]


def test_only_the_split_asked_for_is_rendered(
    tiny, tmp_path, monkeypatch, caplog
):
    rendered = []
    monkeypatch.setattr(
        "zoo.training.datasets.rendered_signs.builder.render_many",
        lambda render, split, count, *args, **options: (
            rendered.append((split, count))
            or render_many(render, split, count, *args, **options)
        ),
    )
    first = images("test[:3]", tmp_path)
    assert len(first) == 3
    assert rendered == [("test", 5)]
    assert not caplog.records
    assert images("test", tmp_path)[:3] == first
    assert len(rendered) == 1  # Prepared once.
    with pytest.raises(ValueError, match="Received: split='dev'"):
        images("dev", tmp_path)
    assert len(rendered) == 1


def test_a_split_alone_is_that_of_the_whole_set(tiny, tmp_path):
    """In the same order; a whole set that is there already is read."""
    whole = tfds.builder("rendered_signs/crops32", data_dir=tmp_path / "all")
    whole.download_and_prepare()
    for split in TINY:
        assert images(split, tmp_path / "one") == images(
            split, tmp_path / "all"
        )
    folders = (tmp_path / "all" / "rendered_signs").glob("crops*")
    assert [folder.name for folder in folders] == ["crops32"]


def test_scenes_say_where_the_sign_is(tmp_path):
    builder = RenderedSigns(
        data_dir=tmp_path,
        config=RenderedSignsConfig(
            name="tiny", size=64, scenes=True, examples={"test": 4}, seed=7
        ),
    )
    builder.download_and_prepare()
    for example in tfds.as_numpy(builder.as_dataset(split="test")):
        scene = rendering.scene("test", int(example["label"]), size=64, seed=7)
        for name in ("image", "mask", "homography", "corners"):
            np.testing.assert_array_equal(example[name], getattr(scene, name))
        top, left, bottom, right = np.rint(example["box"] * 64).astype(int)
        masked = np.zeros_like(scene.mask)
        masked[top:bottom, left:right] = scene.mask[top:bottom, left:right]
        np.testing.assert_array_equal(masked, scene.mask)
        box = scene.mask[top:bottom, left:right, 0]
        for edge in (box[0], box[-1], box[:, 0], box[:, -1]):
            assert edge.any()


def test_registered_sizes():
    sizes = {
        name: (config.size, config.examples)
        for name, config in RenderedSigns.builder_configs.items()
    }
    assert sizes["crops32"][0] == 32 and sizes["scenes128"][0] == 128
    for _, splits in sizes.values():
        assert set(splits) == {"train", "validation", "test"}
        assert all(count % 17 == 0 for count in splits.values())


def test_unknown_config_is_refused(tmp_path):
    with pytest.raises(ValueError, match="crops32, rendered_signs/scenes128"):
        datasets.load("rendered_signs/crops33", data_dir=tmp_path)
