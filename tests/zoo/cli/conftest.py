"""Small presets in the place of the shipped ones."""

import dataclasses

import pytest

import zoo
from zoo.cards import card
from zoo.presets import Preset
from zoo.presets import base
from zoo.presets import fashion_mnist
from zoo.threat import ThreatModel
from zoo.weights import save_weights

ARCHITECTURE = dict(depth=10, width=1, num_classes=10, image_shape=(28, 28, 1))
DEFENSE = dict(scales=(12, 16), scale_weights=(0.1, 1.0), dropout=0.0)


@pytest.fixture(scope="session")
def tiny_presets(tmp_path_factory):
    """Two tiny models, random, their weights published in a folder."""
    mirror = tmp_path_factory.mktemp("mirror")
    presets = []
    for name, builder, config, threat in (
        ("wrn16_2", "wide_resnet", ARCHITECTURE, None),
        ("irm_wrn16_2", "irm", ARCHITECTURE | DEFENSE, ThreatModel("l2", 0.5)),
    ):
        model = getattr(zoo.models, builder)(**config)
        weights = save_weights(model, mirror / f"tiny_{name}.weights.h5")
        presets.append(
            Preset(
                name=name,
                builder=f"zoo.models.{builder}",
                config=config,
                dataset="fashion_mnist_sample",
                classes=fashion_mnist.CLASSES,
                threat=threat,
                weights=dataclasses.replace(weights, uri=mirror.as_uri()),
                paper="-",
                description="Tiny and random.",
            )
        )
    return presets


@pytest.fixture
def published(monkeypatch, tmp_path, tiny_presets):
    """Puts the tiny models in the shipped ones' place; returns their cards.

    The registry, the cards' folder and the cache are the test's own; the
    cache's path is long and has brackets in it.
    """
    folder = tmp_path / "cards"
    folder.mkdir()
    monkeypatch.setattr(card, "FOLDER", folder)
    monkeypatch.setattr(base, "_REGISTRY", {})
    monkeypatch.setattr(base, "_ALIASES", {})
    for preset in tiny_presets:
        base.register(preset)
    monkeypatch.setenv("ZOO_HOME", str(tmp_path / f"[v2] {'long' * 20}"))
    for variable in ("ZOO_WEIGHTS_URL", "ZOO_OFFLINE"):
        monkeypatch.delenv(variable, raising=False)
    return folder
