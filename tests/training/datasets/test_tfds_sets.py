"""Sets of TensorFlow Datasets, which it prepares here from code."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image

from zoo.training import datasets
from zoo.training.datasets import loading

SIZES = (6, 8), (12, 5), (9, 9)


def picture(index):
    """Noise of one of three sizes."""
    height, width = SIZES[index % 3]
    rng = np.random.default_rng(index)
    return rng.integers(0, 256, (height, width, 3), "uint8")


class ToyMixedSizes(tfds.core.GeneratorBasedBuilder):
    """Six pictures of three sizes; their labels are their numbers."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        features = {
            "image": tfds.features.Image(),
            "label": tfds.features.ClassLabel(num_classes=6),
        }
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(features),
            supervised_keys=("image", "label"),
        )

    def _split_generators(self, dl_manager):
        return {"test": self._generate_examples()}

    def _generate_examples(self):
        for index in range(6):
            yield index, {"image": picture(index), "label": index}


NAME = ToyMixedSizes.name


def test_pictures_are_resized_as_those_of_folders_are(tmp_path):
    dataset = datasets.load(
        NAME, data_dir=tmp_path, image_shape=(4, 7, 3), batch_size=6
    )
    ((images, labels),) = dataset.as_numpy_iterator()
    assert sorted(labels) == list(range(6))
    for image, label in zip(images, labels, strict=True):
        resized = Image.fromarray(picture(label)).resize(
            (7, 4), Image.Resampling.BILINEAR
        )
        np.testing.assert_allclose(image * 255, resized, atol=1e-4)


def test_colours_may_be_made_grey_and_grey_colours(tmp_path):
    grey = datasets.load(NAME, data_dir=tmp_path, image_shape=(4, 7, 1))
    for image, label in grey.as_numpy_iterator():
        luma = Image.fromarray(picture(label)).convert("L")
        resized = luma.resize((7, 4), Image.Resampling.BILINEAR)
        np.testing.assert_allclose(image[..., 0] * 255, resized, atol=1e-4)
    sample = "fashion_mnist_sample"
    small = datasets.load(sample, image_shape=(28, 28, 3)).take(3)
    for (image, _), (own, _) in zip(small, datasets.load(sample), strict=False):
        np.testing.assert_array_equal(image, np.repeat(own, 3, -1))


@pytest.mark.parametrize("batch_size", [None, 2])
def test_pictures_of_several_sizes_need_one(tmp_path, batch_size):
    message = f"^The images of {NAME} differ in size; give the `image_shape`"
    with pytest.raises(ValueError, match=message):
        datasets.load(NAME, data_dir=tmp_path, batch_size=batch_size)


@pytest.mark.parametrize("shape", [(4, 7), (4, None, 3), (4, 7, 2)], ids=str)
def test_impossible_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="Received: image_shape="):
        datasets.load("fashion_mnist_sample", image_shape=shape)


def test_which_sets_are_resized():
    assert datasets.is_resized(NAME)
    for name in ("fashion_mnist", "fashion_mnist_sample", "nonsense"):
        assert not datasets.is_resized(name)


def test_preparing_prints_nothing_on_standard_output(tmp_path, capfd):
    datasets.load(NAME, data_dir=tmp_path, image_shape=(4, 7, 3))
    out, err = capfd.readouterr()
    assert not out and "Dataset toy_mixed_sizes downloaded and prepared" in err


@pytest.mark.parametrize(
    ("count", "shape", "buffer"),
    [
        (60_000, (28, 28, 1), 60_000),
        (50_000, (32, 32, 3), 50_000),
        (50_000, (224, 224, 3), 1783),
        (2, (20_000, 20_000, 3), 1),
    ],
)
def test_shuffling_holds_256_mib_at_most(count, shape, buffer):
    image = tf.zeros(shape, "uint8")
    dataset = tf.data.Dataset.from_tensors((image, 0)).repeat(count)
    assert loading._shuffle_buffer(dataset) == buffer


def test_shuffling_caches_nothing(monkeypatch):
    monkeypatch.delattr(tf.data.Dataset, "cache")
    dataset = datasets.load("fashion_mnist_sample", shuffle=True)
    assert len(list(dataset)) == 512
