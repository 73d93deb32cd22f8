"""The recipe of the rendered signs, on a few noisy pictures."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

import zoo
from zoo import presets
from zoo.training import recipes
from zoo.training.datasets.lisa_classes import LISA_CLASSES
from zoo.training.recipes import rendered_signs
from zoo.training.recipes.rendered_signs import Recipe

TINY = Recipe(epochs=2, batch_size=8, dtype_policy="float32")


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """16 pictures of noise in place of TFDS'."""
    rng = np.random.default_rng(0)
    pictures = rng.random((16, 32, 32, 3), "float32")
    labels = np.arange(16)

    def load(name, split, **options):
        assert name == "rendered_signs/crops32"
        assert split in ("train", "validation")
        return tf.data.Dataset.from_tensor_slices((pictures, labels))

    monkeypatch.setattr(rendered_signs.datasets, "load", load)


def test_a_finished_stage_is_not_repeated(tmp_path):
    stages = ("lisa_cnn", "blurnet_tv.1e-5")
    paths = rendered_signs.train(tmp_path, stages=stages, recipe=TINY)
    assert paths == {name: tmp_path / f"{name}.weights.h5" for name in stages}
    written = {path: path.stat().st_mtime_ns for path in paths.values()}
    assert rendered_signs.train(tmp_path, stages=stages, recipe=TINY) == paths
    for path, moment in written.items():
        assert path.stat().st_mtime_ns == moment
    rows = (tmp_path / "lisa_cnn.csv").read_text().splitlines()
    assert len(rows) == 1 + TINY.epochs


def test_trained_but_not_written_a_stage_is_not_repeated(tmp_path, monkeypatch):
    """Interrupted between its last epoch and the writing of its weights."""

    def die(*args, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as context:
        context.setattr("zoo.training.recipes.stages.save_weights", die)
        with pytest.raises(KeyboardInterrupt) as interrupt:
            rendered_signs.train(tmp_path, stages=("lisa_cnn",), recipe=TINY)
    (said,) = interrupt.value.__notes__
    assert said.endswith(f"after the last finished epoch, from {tmp_path}.")
    rendered_signs.train(tmp_path, stages=("lisa_cnn",), recipe=TINY)
    rows = (tmp_path / "lisa_cnn.csv").read_text().splitlines()
    assert len(rows) == 1 + TINY.epochs
    assert not (tmp_path / "lisa_cnn_backup").exists()


def test_a_stage_trains_its_preset_and_keeps_its_class_names(tmp_path):
    """The weights load into it, and they are other than at the start."""
    stage = "blurnet_dw3"
    path = rendered_signs.train(tmp_path, stages=(stage,), recipe=TINY)[stage]
    trained = zoo.load(stage, weights=path)
    moved = trained.get_layer("blur").depthwise_kernel.numpy()
    assert np.isfinite(moved).all()
    assert trained.output_shape == (None, len(zoo.info(stage).classes))
    losses = (tmp_path / f"{stage}.csv").read_text().splitlines()[1:]
    first, last = (float(row.split(",")[2]) for row in losses)
    assert last < first


def test_stages_are_the_presets_of_the_recipe():
    assert set(rendered_signs.STAGES) == {
        name
        for name in presets.names()
        if presets.get(name).recipe == "zoo.training.recipes.rendered_signs"
    }


def test_classes_are_lisas_and_the_unused_output():
    for name in rendered_signs.STAGES:
        assert zoo.info(name).classes == (*LISA_CLASSES, "unused")


def test_the_baseline_is_the_authors_network():
    assert zoo.load("lisa_cnn", weights=None).count_params() == 726_354


@pytest.mark.parametrize(("size", "alpha"), [(3, 1e-5), (5, 0.1), (7, 0.1)])
def test_learned_filters_have_the_penalty_of_table_2(size, alpha):
    blur = zoo.load(f"blurnet_dw{size}", weights=None).get_layer("blur")
    assert blur.depthwise_kernel.shape == (size, size, 64, 1)
    assert blur.kernel_regularizer.alpha == alpha


@pytest.mark.parametrize(
    ("name", "alpha"), [("blurnet_tv.1e-4", 1e-4), ("blurnet_tv.1e-5", 1e-5)]
)
def test_total_variation_is_on_the_first_maps_alone(name, alpha):
    model = zoo.load(name, weights=None)
    conv1 = model.get_layer("conv1")
    assert conv1.activity_regularizer.alpha == alpha
    assert not any(layer.name == "blur" for layer in model.layers)


@pytest.mark.parametrize("size", [3, 5])
@pytest.mark.parametrize(
    ("place", "before"), [("input", "conv1"), ("maps", "conv2")]
)
def test_fixed_filters_are_where_table_1_has_them(size, place, before):
    model = zoo.load(f"blurnet_fixed.{place}_{size}x{size}", weights=None)
    blur = model.get_layer("blur")
    assert (blur.kernel_size, blur.kernel, blur.learned) == (size, "box", False)
    assert model.get_layer(before).input is blur.output


def test_a_folder_holds_one_run(tmp_path):
    rendered_signs.train(tmp_path, stages=(), recipe=TINY)
    other = dataclasses.replace(TINY, learning_rate=1.0)
    with pytest.raises(ValueError, match="Received: other learning_rate"):
        rendered_signs.train(tmp_path, recipe=other)


def test_unknown_stage(tmp_path):
    with pytest.raises(ValueError, match=r"Received: \['nonsense'\]"):
        rendered_signs.train(tmp_path, stages=("nonsense",))


def test_recipe_by_name():
    assert recipes.find("rendered_signs") is rendered_signs
