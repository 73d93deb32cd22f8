"""The Fashion-MNIST recipe, end to end on a few images."""

import dataclasses

import keras
import numpy as np
import pytest

import zoo
from training import datasets
from training import recipes
from training.recipes import fashion_mnist
from training.recipes.fashion_mnist import Recipe
from zoo.weights import load_weights

TINY = Recipe(
    scales=(12, 16),
    scale_weights=(0.1, 1.0),
    epochs=(1, 1, 1),
    batch_size=16,
    attack_steps=1,
    dtype_policy="float32",
)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """A narrow network on 64 packaged images, in place of TFDS'."""
    monkeypatch.setitem(fashion_mnist.ARCHITECTURE, "depth", 10)
    monkeypatch.setitem(fashion_mnist.ARCHITECTURE, "width", 1)

    sample = datasets.load("fashion_mnist_sample").take(64)

    def load(name, split, **options):
        assert (name, split) in [
            ("fashion_mnist", fashion_mnist.TRAIN),
            ("fashion_mnist", fashion_mnist.VALIDATION),
        ]
        return sample

    monkeypatch.setattr(fashion_mnist.datasets, "load", load)


@pytest.fixture
def workdir(tmp_path):
    return tmp_path / "run"


@pytest.mark.filterwarnings("error:.*shuffle=True.*will be ignored")
def test_stages_build_on_each_other_and_are_not_repeated(workdir):
    paths = fashion_mnist.train(workdir, recipe=TINY)
    assert list(paths) == ["undefended", "ddn", "irm"]
    model = zoo.models.irm(
        **fashion_mnist.ARCHITECTURE,
        scales=TINY.scales,
        scale_weights=TINY.scale_weights,
    )
    load_weights(model, paths["irm"])
    written = {stage: path.stat().st_mtime_ns for stage, path in paths.items()}
    again = fashion_mnist.train(workdir, recipe=TINY)
    assert again == paths
    for stage, path in paths.items():
        assert path.stat().st_mtime_ns == written[stage]
        rows = (workdir / f"{stage}.csv").read_text().splitlines()
        assert len(rows) == 1 + 1


def test_a_folder_holds_one_run(workdir):
    fashion_mnist.train(workdir, stages=("undefended",), recipe=TINY)
    other = dataclasses.replace(TINY, max_norm=2.0)
    with pytest.raises(ValueError, match="Received: other max_norm"):
        fashion_mnist.train(workdir, recipe=other)


@pytest.mark.parametrize(
    "stage, needed", [("ddn", "undefended"), ("irm", "ddn")]
)
def test_a_stage_needs_the_one_before(workdir, stage, needed):
    with pytest.raises(FileNotFoundError, match=f"{needed}.weights.h5"):
        fashion_mnist.train(workdir, stages=(stage,), recipe=TINY)


def test_features_are_copied_and_the_head_is_not():
    def network(**options):
        return zoo.models.wide_resnet(depth=10, width=1, **options)

    source, target = network(), network(pooling_bins=(1, 2))
    head = target.get_layer("logits").get_weights()
    fashion_mnist._copy_features(source, target)
    for layer in source.layers:
        own = target.get_layer(layer.name).get_weights()
        expected = head if layer.name == "logits" else layer.get_weights()
        for weight, value in zip(own, expected, strict=True):
            np.testing.assert_array_equal(weight, value)


def test_policy_is_given_back(workdir):
    recipe = Recipe(epochs=(1, 1, 1), batch_size=16)
    fashion_mnist.train(workdir, stages=("undefended",), recipe=recipe)
    assert keras.config.dtype_policy().name == "float32"


def test_unknown_stage(workdir):
    with pytest.raises(ValueError, match=r"Received: \['nonsense'\]"):
        fashion_mnist.train(workdir, stages=("nonsense",))


def test_augmentation_flips_and_shifts_by_two_pixels():
    image = np.zeros((28, 28, 1), "float32")
    image[10, 5] = 1.0
    seen = set()
    for _ in range(400):
        moved, _ = fashion_mnist._augment(image, 0)
        (where,) = np.argwhere(moved.numpy()[..., 0])
        seen.add(tuple(where.tolist()))
    rows, columns = ({place[i] for place in seen} for i in range(2))
    assert rows == set(range(8, 13))
    assert columns == set(range(3, 8)) | set(range(20, 25))


def test_recipes_by_name():
    assert recipes.find("fashion_mnist") is fashion_mnist
    with pytest.raises(ValueError, match="Recipes are fashion_mnist"):
        recipes.find("nonsense")
