"""The recipe of the composed photographs, on a few noisy pictures."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

import zoo
from zoo import presets
from zoo.inspection import explanation
from zoo.inspection import is_stochastic
from zoo.layers import JPEG
from zoo.models.msroi import saliency_model
from zoo.training import recipes
from zoo.training.recipes import composed_photos
from zoo.training.recipes.composed_photos import Recipe

TINY = Recipe(
    epochs={"wrn10_2": 2, "msroi_wrn10_2": 1},
    learning_rates={"wrn10_2": 1e-3, "msroi_wrn10_2": 0.0},
    weight_decay=0.0,
    batch_size=8,
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """All stages' weights, of 16 pictures of noise in place of TFDS'."""
    rng = np.random.default_rng(0)
    pictures = rng.random((16, 128, 128, 3), "float32")

    def load(name, split, **options):
        assert name == "composed_photos/objects"
        assert split in ("train", "validation")
        return tf.data.Dataset.from_tensor_slices((pictures, np.arange(16)))

    workdir = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as context:
        context.setattr(composed_photos.datasets, "load", load)
        paths = composed_photos.train(workdir, recipe=TINY)
    return workdir, paths


def test_stages_write_the_weights_of_their_presets(trained):
    workdir, paths = trained
    assert paths == {
        name: workdir / f"{name}.weights.h5" for name in composed_photos.STAGES
    }
    rows = (workdir / "wrn10_2.csv").read_text().splitlines()[1:]
    first, last = (float(row.split(",")[2]) for row in rows)
    assert last < first


def test_each_preset_loads_the_weights_of_its_stage(trained):
    """Behind JPEG is the classifier, and beside it the MSROI network."""
    _, paths = trained
    models = {
        name: zoo.load(name, weights=path) for name, path in paths.items()
    }
    images = np.random.default_rng(1).random((2, 128, 128, 3), "float32")
    jpeg = models["jpeg_wrn10_2"]
    np.testing.assert_allclose(
        jpeg(images), models["wrn10_2"](JPEG(50)(images)), atol=1e-4
    )
    semantic = models["semantic_jpeg_wrn10_2.msroi"]
    explained = explanation(semantic)(images)
    find = saliency_model(models["msroi_wrn10_2"])
    np.testing.assert_allclose(explained["saliency"], find(images), atol=1e-4)
    pixels = JPEG()(images, quality_map=explained["quality"])
    np.testing.assert_allclose(
        semantic(images), models["wrn10_2"](pixels), atol=1e-4
    )
    augmented = models["semantic_jpeg_wrn10_2"]
    assert is_stochastic(augmented) and not is_stochastic(semantic)


def test_msroi_starts_from_the_classifier(trained):
    """At learning rate 0, its convolutions stay the classifier's."""
    _, paths = trained
    classifier, network = (
        zoo.load(name, weights=paths[name]) for name in TINY.epochs
    )
    for name in ("conv1", "conv2_0_conv1", "conv4_0_conv2"):
        np.testing.assert_array_equal(
            network.get_layer(name).kernel, classifier.get_layer(name).kernel
        )
    norms = [model.get_layer("final_norm") for model in (classifier, network)]
    np.testing.assert_array_equal(norms[0].gamma, norms[1].gamma)


def test_finished_stages_are_not_repeated(trained):
    workdir, paths = trained
    written = {path: path.stat().st_mtime_ns for path in paths.values()}
    assert composed_photos.train(workdir, recipe=TINY) == paths
    assert written == {p: p.stat().st_mtime_ns for p in paths.values()}


@pytest.mark.parametrize("stage", composed_photos.STAGES[1:])
def test_other_stages_need_the_classifier(tmp_path, stage):
    with pytest.raises(FileNotFoundError, match="Stage wrn10_2 must run first"):
        composed_photos.train(tmp_path, stages=(stage,), recipe=TINY)


def test_stages_are_the_presets_of_the_recipe():
    assert set(composed_photos.STAGES) == {
        name
        for name in presets.names()
        if presets.get(name).recipe == "zoo.training.recipes.composed_photos"
    }


def test_a_folder_holds_one_run(trained):
    other = dataclasses.replace(TINY, weight_decay=1.0)
    with pytest.raises(ValueError, match="Received: other weight_decay"):
        composed_photos.train(trained[0], recipe=other)


def test_unknown_stage(tmp_path):
    with pytest.raises(ValueError, match=r"Received: \['nonsense'\]"):
        composed_photos.train(tmp_path, stages=("nonsense",))


def test_recipe_by_name():
    assert recipes.find("composed_photos") is composed_photos


def test_networks_are_small_and_of_the_same_images():
    for name in composed_photos.STAGES:
        preset = presets.get(name)
        assert preset.config["image_shape"] == (128, 128, 3)
        assert preset.config["num_classes"] == len(preset.classes) == 40
        assert zoo.load(name, weights=None).count_params() < 1_500_000
