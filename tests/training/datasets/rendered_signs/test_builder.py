"""`rendered_signs` as TFDS prepares it."""

import numpy as np
import pytest
import tensorflow_datasets as tfds

from zoo.training import datasets
from zoo.training.datasets import LISA_CLASSES
from zoo.training.datasets.rendered_signs import rendering
from zoo.training.datasets.rendered_signs.builder import RenderedSigns
from zoo.training.datasets.rendered_signs.builder import RenderedSignsConfig

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
    # Prepared once: the default name is the same set's.
    builder = tfds.builder("rendered_signs", data_dir=tmp_path)
    assert builder.info.splits["validation"].num_examples == 2
    assert tuple(builder.info.features["label"].names) == LISA_CLASSES


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
