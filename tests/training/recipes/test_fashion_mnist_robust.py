"""The recipe of the strongest presets: its parts, and a run on few images."""

import dataclasses

import numpy as np
import pytest

from zoo.training import datasets
from zoo.training.recipes import fashion_mnist_robust as recipe_module
from zoo.training.recipes.fashion_mnist_robust import Recipe
from zoo.weights import load_weights
from zoo.weights import save_weights

TINY = Recipe(
    epochs=0.05,
    batch_size=32,
    attack_steps=1,
    validation_steps=1,
    start=None,
    dtype_policy="float32",
)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """A narrow network on 64 packaged images, in place of TFDS'."""
    options = dict(depth=10, width=1, scales=(12, 16), scale_weights=(0.1, 1.0))
    for name, value in options.items():
        monkeypatch.setitem(recipe_module.ARCHITECTURE, name, value)
    sample = datasets.load("fashion_mnist_sample").take(64)
    monkeypatch.setattr(
        recipe_module.datasets, "load", lambda *args, **options: sample
    )


def test_stages_hand_their_weights_on(tmp_path):
    """JPEG and the scales have none, so one file fits all stages."""
    bare, whole = (
        recipe_module._network(recipe_module.STAGES[name], TINY)
        for name in ("both_bare", "both")
    )
    save_weights(bare, tmp_path / "x.weights.h5", dtype="float32")
    load_weights(whole, tmp_path / "x.weights.h5")
    kernels = [
        [w.numpy() for w in model.trainable_variables]
        for model in (bare, whole)
    ]
    for one, other in zip(*kernels, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "name, norm, eps",
    [("linf_bare", "linf", 0.1), ("l2", "l2", 1.2), ("both", "mixed", None)],
)
def test_attacks_are_of_the_stages_balls(name, norm, eps):
    attack = recipe_module._attack(recipe_module.STAGES[name], TINY, 3)
    assert (attack.norm, attack.eps) == (norm, eps)


def test_the_learning_rate_drops_late():
    stage = dataclasses.replace(
        recipe_module.STAGES["linf_bare"], learning_rate=0.1
    )
    optimizer = recipe_module._optimizer(stage, Recipe(), 100)
    rates = [float(optimizer._learning_rate(s)) for s in (0, 74, 76, 89, 91)]
    np.testing.assert_allclose(rates, [0.1, 0.1, 0.01, 0.01, 0.001], rtol=1e-5)
    assert optimizer.use_ema and optimizer.ema_momentum == 0.999
    cosine = recipe_module._optimizer(stage, Recipe(drops=(), average=0.0), 100)
    np.testing.assert_allclose(cosine._learning_rate(100), 0.001, rtol=1e-5)
    assert not cosine.use_ema


def test_ingredients_reach_the_trainer():
    stages = recipe_module.STAGES
    recipe = Recipe(teacher="irm_wrn16_2.tricks")
    model = recipe_module._network(stages["linf_perturbed"], recipe)
    trainer = recipe_module._trainer(model, stages["linf_perturbed"], recipe)
    assert trainer.weight_perturbation == 0.005
    assert trainer.teacher_share == 0.5
    assert trainer.validation_attack.options["steps"] == 20
    assert trainer.attack.options["steps"] == 2
    assert "final_silu" in [layer.name for layer in model._flatten_layers()]
    bare = recipe_module._trainer(model, stages["linf_bare"], recipe)
    assert bare.weight_perturbation == 0.0


def test_the_first_stage_starts_from_the_presets_weights(tmp_path, monkeypatch):
    recipe = dataclasses.replace(TINY, start="irm_wrn16_2.tricks")
    narrow = recipe_module._network(recipe_module.STAGES["both_bare"], recipe)
    path = tmp_path / "x.weights.h5"
    save_weights(narrow, path, dtype="float32")
    monkeypatch.setattr(
        recipe_module.zoo, "download", {recipe.start: path}.__getitem__
    )
    monkeypatch.setattr(
        recipe_module, "fit_stage", lambda trainer, *_, **__: None
    )
    fitted = recipe_module._run("both_bare", recipe, tmp_path, None)
    for one, other in zip(
        narrow.trainable_variables, fitted.trainable_variables, strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_a_stage_needs_the_one_that_it_starts_from(tmp_path):
    with pytest.raises(FileNotFoundError, match="linf_bare.weights.h5"):
        recipe_module.train(tmp_path, stages=("linf_perturbed",), recipe=TINY)


@pytest.mark.large
def test_the_stages_of_both_balls_train(tmp_path):
    stages = "both_bare", "both_perturbed", "both"
    paths = recipe_module.train(tmp_path, stages=stages, recipe=TINY)
    assert tuple(paths) == stages
    for stage in stages:
        rows = (tmp_path / f"{stage}.csv").read_text().splitlines()
        assert "val_adversarial_accuracy" in rows[0] and len(rows) == 2
