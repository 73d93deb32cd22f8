"""The Fashion-MNIST recipe, end to end on a few images."""

import dataclasses

import keras
import numpy as np
import pytest

import zoo
from zoo.training import datasets
from zoo.training import recipes
from zoo.training.recipes import fashion_mnist
from zoo.training.recipes import irm_stages
from zoo.training.recipes.irm_stages import Recipe
from zoo.weights import save_weights

TINY = Recipe(
    scales=(12, 16),
    scale_weights=(0.1, 1.0),
    epochs=dict.fromkeys(fashion_mnist.STAGES, 1),
    batch_size=16,
    attack_steps=1,
    mixture_steps=1,
    dtype_policy="float32",
)


PUBLISHED = {
    "scales": (20, 24, 28),
    "scale_weights": (0.1, 0.3, 1.0),
    "epochs": {
        "undefended": 12,
        "ddn_wrn": 8,
        "jpeg_ddn_wrn": 5,
        "spp_ddn_wrn": 5,
        "ddn": 8,
        "irm": 10,
        "tricks": 5,
    },
    "learning_rates": {
        "undefended": 0.1,
        "ddn_wrn": 0.05,
        "jpeg_ddn_wrn": 0.04,
        "spp_ddn_wrn": 0.04,
        "ddn": 0.05,
        "irm": 0.04,
        "tricks": 0.04,
    },
}
"""What folders of earlier runs hold, which must go on."""


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


@pytest.mark.large
@pytest.mark.filterwarnings("error:.*shuffle=True.*will be ignored")
def test_stages_build_on_each_other_and_are_not_repeated(workdir):
    stages = "undefended", "ddn", "irm"
    paths = fashion_mnist.train(workdir, stages=stages, recipe=TINY)
    assert tuple(paths) == stages
    written = {stage: path.stat().st_mtime_ns for stage, path in paths.items()}
    again = fashion_mnist.train(workdir, stages=stages, recipe=TINY)
    assert again == paths
    for stage, path in paths.items():
        assert path.stat().st_mtime_ns == written[stage]
        rows = (workdir / f"{stage}.csv").read_text().splitlines()
        assert len(rows) == 1 + 1


@pytest.mark.large
def test_the_whole_ablation_trains(workdir):
    paths = fashion_mnist.train(workdir, recipe=TINY)
    assert tuple(paths) == fashion_mnist.STAGES
    assert all(path.exists() for path in paths.values())


def test_a_folder_holds_one_run(workdir):
    fashion_mnist.train(workdir, stages=("undefended",), recipe=TINY)
    other = dataclasses.replace(TINY, max_norm=2.0)
    with pytest.raises(ValueError, match="Received: other max_norm"):
        fashion_mnist.train(workdir, recipe=other)


@pytest.mark.parametrize(
    "stage, needed",
    [
        ("ddn_wrn", "undefended"),
        ("jpeg_ddn_wrn", "ddn_wrn"),
        ("spp_ddn_wrn", "ddn_wrn"),
        ("ddn", "undefended"),
        ("irm", "ddn"),
        ("tricks", "irm"),
    ],
)
def test_a_stage_needs_the_one_that_it_starts_from(workdir, stage, needed):
    with pytest.raises(FileNotFoundError, match=f"{needed}.weights.h5"):
        fashion_mnist.train(workdir, stages=(stage,), recipe=TINY)


PRESETS = {
    "undefended": "wrn16_2",
    "ddn_wrn": "ddn_wrn16_2",
    "jpeg_ddn_wrn": "jpeg_ddn_wrn16_2",
    "spp_ddn_wrn": "spp_ddn_wrn16_2",
    "irm": "irm_wrn16_2",
    "tricks": "irm_wrn16_2.tricks",
}


@pytest.mark.parametrize(("stage", "name"), PRESETS.items())
def test_a_stage_trains_its_preset(stage, name, tmp_path):
    """Its weights load into what the preset builds."""
    recipe = Recipe()
    model = irm_stages.build(
        irm_stages.STAGES[stage], recipe, fashion_mnist.ARCHITECTURE
    )
    weights = tmp_path / f"{stage}.weights.h5"
    save_weights(model, weights)
    loaded = zoo.load(name, weights=weights, depth=10, width=1)
    assert [w.shape for w in loaded.weights] == [w.shape for w in model.weights]
    layers = [[type(layer) for layer in m.layers] for m in (loaded, model)]
    assert layers[0] == layers[1]


@pytest.mark.parametrize(
    ("stage", "new_head"),
    [
        ("ddn_wrn", False),
        ("jpeg_ddn_wrn", False),
        ("spp_ddn_wrn", True),
        ("ddn", True),
        ("irm", False),
        ("tricks", False),
    ],
)
def test_weights_are_copied_up_to_a_head_of_another_size(stage, new_head):
    stage = irm_stages.STAGES[stage]
    start = irm_stages.STAGES[stage.start]
    source, target = (
        irm_stages.build(which, TINY, fashion_mnist.ARCHITECTURE)
        for which in (start, stage)
    )
    networks = [irm_stages._wide_resnet(model) for model in (source, target)]
    head = networks[1].get_layer("logits").get_weights()
    irm_stages.copy_weights(source, target)
    for layer in networks[0].layers:
        own = networks[1].get_layer(layer.name).get_weights()
        fresh = new_head and layer.name == "logits"
        expected = head if fresh else layer.get_weights()
        for weight, value in zip(own, expected, strict=True):
            np.testing.assert_array_equal(weight, value)


def test_networks_of_another_width_are_refused():
    source = zoo.models.wide_resnet(depth=10, width=1)
    target = zoo.models.wide_resnet(depth=10, width=2)
    with pytest.raises(ValueError, match="Received: another shape of conv2_0"):
        irm_stages.copy_weights(source, target)


def test_the_last_stage_meets_all_three_attacks_and_tricks():
    stage = irm_stages.STAGES["tricks"]
    model = irm_stages.build(stage, TINY, fashion_mnist.ARCHITECTURE)
    trainer = irm_stages.compiled(model, stage, TINY, "sgd")
    attack = trainer.attack
    assert [a.name for a in attack.options["attacks"]] == [
        "ddn",
        "pgd",
        "deepfool",
    ]
    balls = [(a.norm, a.eps) for a in attack.options["attacks"]]
    assert balls == [("l2", 1.45), ("linf", 0.1), ("l2", 1.45)]
    assert attack.options["shares"] == TINY.shares
    assert trainer.loss.eps == TINY.label_smoothing
    assert trainer.logit_pairing == TINY.logit_pairing
    assert trainer.clean_weight == TINY.clean_weight


def test_published_hyperparameters_are_those_of_earlier_runs():
    assert dataclasses.asdict(Recipe()).items() >= PUBLISHED.items()


def test_policy_is_given_back(workdir):
    recipe = dataclasses.replace(TINY, dtype_policy="mixed_bfloat16")
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
    with pytest.raises(ValueError, match="Recipes are .*, fashion_mnist, "):
        recipes.find("nonsense")
