"""Tiny presets in the place of the shipped ones, and tiny settings."""

import json
from types import SimpleNamespace

import pytest

import zoo
from zoo.presets import base
from zoo.presets import fashion_mnist
from zoo.threat import ThreatModel
from zoo.training import datasets
from zoo.training.attacks import suites
from zoo.training.reproduction import irm
from zoo.training.reproduction.irm import evaluation_cache
from zoo.training.reproduction.irm import scale_training
from zoo.weights import save_weights

TINY = dict(depth=10, width=1, num_classes=10, image_shape=(28, 28, 1))
MANY = dict(scales=(12, 16, 20), scale_weights=(0.1, 0.3, 1.0), dropout=0.0)
IMAGES = 16


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """Three tiny, random presets, and 16 packaged images for every split.

    The standard suite is one step of its first attack. Returns the names and
    splits that are asked for.
    """
    monkeypatch.setitem(suites.by_name, "standard", ("apgd:steps=1",))
    mirror = tmp_path / "mirror"
    monkeypatch.setenv("ZOO_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(base, "_REGISTRY", {})
    monkeypatch.setattr(base, "_ALIASES", {})
    for name, builder, config in (
        ("wrn16_2", "wide_resnet", TINY),
        ("irm_wrn16_2", "irm", TINY | MANY),
        ("spp_ddn_wrn16_2", "irm", TINY | MANY | {"qualities": None}),
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
    names = []

    def load(name, split="test", **options):
        names.append((name, split))
        return sample

    for module in (evaluation_cache, scale_training):
        monkeypatch.setattr(module.datasets, "load", load)
    return names


@pytest.fixture
def settings(asked, tmp_path):
    """Settings for a measurement of seconds."""
    return irm.Settings(
        workdir=tmp_path / "work",
        limit=IMAGES,
        attack_limit=2,
        epochs=1,
        train_limit=IMAGES,
        scales=(12, 16, 20),
        threats=(ThreatModel("linf", 0.1),),
        batch_size=8,
        draws=2,
        steps=5,
        queries=20,
        attack_policy="float32",
        training_policy="float32",
        timed="irm_wrn16_2",
        rounds=1,
        progress=False,
    )


@pytest.fixture
def reproduce(settings, tmp_path):
    """Measures exhibits; returns the page, and them by name, from disk."""

    def run(*only):
        output = tmp_path / "out"
        irm.reproduce(settings, output, only=only)
        exhibits = {
            name: SimpleNamespace(
                **json.loads((output / f"{name}.json").read_text("utf-8"))
            )
            for name in only
        }
        return (output / "README.md").read_text("utf-8"), exhibits

    return run
