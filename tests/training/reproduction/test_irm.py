"""`zoo reproduce irm` from end to end, tiny, and its parts' arithmetic."""

import json

import numpy as np
import pytest

import zoo
from tests.command_line import failed
from tests.command_line import run
from training import attacks
from training import datasets
from training.attacks import suites
from training.reproduction import irm
from training.reproduction.irm import cells as cells_module
from training.reproduction.irm import scale_training
from zoo.presets import base
from zoo.presets import fashion_mnist
from zoo.threat import ThreatModel
from zoo.weights import save_weights

TINY = dict(depth=10, width=1, num_classes=10, image_shape=(28, 28, 1))
MANY = dict(scales=(12, 16, 20), scale_weights=(0.1, 0.3, 1.0), dropout=0.0)
IMAGES = 16


@pytest.fixture
def small(monkeypatch, tmp_path):
    """Three tiny, random presets, and 16 packaged images for every split.

    The standard suite is one step of its first attack.
    """
    monkeypatch.setitem(suites.by_name, "standard", ("apgd:steps=1",))
    mirror = tmp_path / "mirror"
    monkeypatch.setenv("ZOO_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(base, "_REGISTRY", {})
    monkeypatch.setattr(base, "_ALIASES", {})
    for name, builder, config in (
        ("wrn16_2", "wide_resnet", TINY),
        ("irm_wrn16_2", "irm", TINY | MANY),
        ("spp_ddn_wrn16_2", "irm", TINY | MANY),
    ):
        model = getattr(zoo.models, builder)(**config)
        weights = save_weights(model, mirror / f"tiny_{name}.weights.h5")
        base.register(
            base.Preset(
                name=name,
                builder=f"zoo.models.{builder}",
                config=config,
                dataset="fashion_mnist",
                classes=fashion_mnist.CLASSES,
                weights=type(weights)(weights.files, mirror.as_uri()),
                paper="-",
                description="Tiny and random.",
            )
        )
    sample = datasets.load("fashion_mnist_sample").take(IMAGES)
    asked = []

    def load(name, split="test", **options):
        asked.append((name, split))
        return sample

    for module in (cells_module, scale_training):
        monkeypatch.setattr(module.datasets, "load", load)
    return asked


def reproduce(tmp_path, *only, **options):
    """Measures parts with tiny settings; returns the page they write."""
    options = {
        "workdir": tmp_path / "work",
        "limit": IMAGES,
        "attack_limit": 2,
        "epochs": 1,
        "train_limit": IMAGES,
        "scales": (12, 16, 20),
        "threats": (ThreatModel("linf", 0.1),),
        "batch_size": 8,
        "draws": 2,
        "attack_policy": "float32",
        "training_policy": "float32",
        "timed": "irm_wrn16_2",
        "rounds": 1,
        "progress": False,
    } | options
    irm.reproduce(irm.Settings(**options), tmp_path / "out", only=only)
    return (tmp_path / "out" / "README.md").read_text("utf-8")


def read(tmp_path, part):
    return json.loads((tmp_path / "out" / f"{part}.json").read_text("utf-8"))


def test_scales_are_trained_once_and_tested_at_each(small, tmp_path):
    page = reproduce(tmp_path, "tab1", "tab2", "fig7")
    assert small == [
        ("fashion_mnist", "test"),
        *[("fashion_mnist", "train[:16]")] * 3,
    ]
    cells = read(tmp_path, "tab1")["data"]["cells"]
    pairs = [(cell["trained"], cell["tested"]) for cell in cells]
    assert pairs == [(a, b) for a in (12, 16, 20) for b in (12, 16, 20)]
    # Row: tested at 12; columns: trained at 12, 16, 20.
    transferred = cells[pairs.index((16, 12))]["fgsm_transferred"]
    row = read(tmp_path, "tab2")["rows"][0]
    assert row[2] == f"{100 * transferred:.1f} (63.1)"
    row = read(tmp_path, "fig7")["rows"][1]
    assert row[1] == f"{100 * transferred:.1f} (63.1)"
    assert read(tmp_path, "fig7")["rows"][3][0] == "spp_ddn_wrn16_2"
    png = (tmp_path / "out" / "fig7.png").read_bytes()
    assert png.startswith(b"\x89PNG")
    weights = sorted((tmp_path / "work").glob("*.weights.h5"))
    assert len(weights) == 3
    written = [path.stat().st_mtime_ns for path in weights]
    assert reproduce(tmp_path, "tab1") == page
    assert [path.stat().st_mtime_ns for path in weights] == written


def test_table_4_prints_rows_without_weights(small, tmp_path):
    page = reproduce(tmp_path, "tab4")
    rows = read(tmp_path, "tab4")["rows"]
    assert ["not published" in row[2] for row in rows] == [
        *(False, True, True, False, False, True)
    ]
    assert "JPEG helps (FGSM): not measured." in page
    measured = read(tmp_path, "tab4")["data"]["rows"][4]["measured"]
    assert measured["images"] == IMAGES and measured["draws"] == 2
    (standard,) = measured["standard"]
    assert standard["images"] == 2
    assert standard["attack_draws"] == 2
    assert standard["threat"] == {"norm": "linf", "eps": 0.1}
    assert standard["robust"]["mean"] <= standard["clean"]


def test_score_of_table_4_is_equation_5(small, tmp_path):
    """Worked out from the images that FGSM on the undefended model makes."""
    reproduce(tmp_path, "tab4", attack_limit=1)
    row = read(tmp_path, "tab4")["data"]["rows"][0]["measured"]
    images, labels = next(iter(cells_module.datasets.load("").batch(IMAGES)))
    model = zoo.load("wrn16_2")
    adversarial = attacks.fgsm(eps=0.1)(model, images, labels).numpy()
    right = model.predict(adversarial, verbose=0).argmax(1) == labels.numpy()
    moved = 255 * np.abs(adversarial - images.numpy())[..., 0]
    expected = (moved.mean((1, 2)) * right).mean()
    assert row["score"] == pytest.approx(expected, rel=1e-5)


def test_time_is_three_ratios(small, tmp_path):
    page = reproduce(tmp_path, "time")
    data = read(tmp_path, "time")["data"]
    assert set(data["ratios"]) == {"irm", "own_scales", "largest_scale"}
    seconds = data["seconds"]
    for name, ratio in data["ratios"].items():
        assert ratio == pytest.approx(seconds["irm"] / seconds[name])
    assert ("**is not met**" in page) == (
        data["ratios"]["largest_scale"] > 0.47
    )
    assert small == []  # It needs no data.


def test_a_folder_holds_measurements_of_one_kind(small, tmp_path):
    reproduce(tmp_path, "tab4")
    with pytest.raises(ValueError, match="resume must be a new folder"):
        reproduce(tmp_path, "tab4", eps=0.2)


def test_options_of_the_command_line(monkeypatch, capsys, tmp_path):
    called = {}

    def reproduce(settings, output, *, only):
        called.update(settings=settings, output=output, only=only)
        return []

    monkeypatch.setattr(irm, "reproduce", reproduce)
    run(
        capsys,
        *("reproduce", "irm", "--only", "tab4", "--only", "time"),
        *("--output", tmp_path, "--workdir", tmp_path / "work"),
        *("--limit", 5, "--attack-limit", 3, "--eps", 0.05, "--seed", 7),
    )
    assert called["only"] == ["tab4", "time"]
    assert called["output"] == tmp_path
    assert called["settings"] == irm.Settings(
        workdir=tmp_path / "work", limit=5, attack_limit=3, eps=0.05, seed=7
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("imr",), "Did you mean 'irm'"),
        (("irm", "--only", "tab3"), "Received: tab3"),
        (("irm", "--limit", 0), "Received: limit=0"),
    ],
)
def test_wrong_options_are_one_line(arguments, said, capsys, tmp_path):
    line = failed(capsys, "reproduce", *arguments, "--workdir", tmp_path)
    assert said in line
