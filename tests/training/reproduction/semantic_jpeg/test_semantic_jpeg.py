"""`zoo reproduce semantic_jpeg` on tiny random networks and few images."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests.command_line import failed
from zoo.presets import base
from zoo.training import attacks
from zoo.training import datasets
from zoo.training.reproduction import semantic_jpeg
from zoo.training.reproduction.semantic_jpeg import attack_cache
from zoo.training.reproduction.semantic_jpeg import imagenet
from zoo.training.reproduction.semantic_jpeg import maps
from zoo.training.reproduction.semantic_jpeg import paper
from zoo.training.reproduction.semantic_jpeg.attack_cache import AttackCache
from zoo.weights import save_weights

CLASSES = ("camel", "elephant", "lion")
TINY = dict(
    depth=10, width=1, strides=4, num_classes=3, image_shape=(48, 48, 3)
)
HEAD = dict(squeeze=2, multiplier=2, channels=4)
IMAGES = 4


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    keras.utils.set_random_seed(1)
    networks = {
        paper.CLASSIFIER: zoo.models.wide_resnet(**TINY),
        paper.NETWORK: zoo.models.msroi(**TINY, **HEAD),
    }
    for name, network in networks.items():
        save_weights(network, folder / f"{name}.weights.h5", dtype="float32")
    return folder


@pytest.fixture
def settings(weights, tmp_path, monkeypatch):
    monkeypatch.setattr(base, "_REGISTRY", {})
    monkeypatch.setattr(base, "_ALIASES", {})
    for name, builder, config in (
        (paper.CLASSIFIER, "wide_resnet", TINY),
        (paper.NETWORK, "msroi", TINY | HEAD),
    ):
        base.register(
            base.Preset(
                name=name,
                builder=f"zoo.models.{builder}",
                config=config,
                dataset="composed_photos/objects",
                classes=CLASSES,
                paper="-",
                description="Tiny and random.",
            )
        )
    rng = np.random.default_rng(0)
    masks = np.zeros((IMAGES, 48, 48, 1), "uint8")
    masks[:, 8:32, 16:40] = 255
    rows = {
        "image": rng.integers(0, 256, (IMAGES, 48, 48, 3)).astype("uint8"),
        "label": np.array([1, 0, 2, 1]),
        "mask": masks,
        "background": np.array(["field.jpg"] * IMAGES),
    }
    features = tf.data.Dataset.from_tensor_slices(rows)
    monkeypatch.setattr(
        datasets, "load_features", lambda *_, **__: features, raising=False
    )
    # Those of many steps are tested elsewhere.
    monkeypatch.setattr(
        attack_cache,
        "_attacks",
        lambda settings: (
            {
                name: ("classifier", attacks.fgsm(eps=settings.eps))
                for name in paper.ATTACKS
            }
            | {
                attack_cache.ON_NETWORK: (
                    "network",
                    attacks.fgsm(eps=settings.eps),
                )
            }
        ),
    )
    return semantic_jpeg.Settings(
        workdir=tmp_path / "work",
        weights=weights,
        limit=IMAGES,
        attack_limit=2,
        draws=2,
        eps=0.3,
        steps=1,
        attack_draws=1,
        map_draws=2,
        qualities=(50,),
        noises=(0.1,),
        progress=False,
    )


@pytest.mark.large
def test_all_exhibits(settings, tmp_path, monkeypatch):
    paths = []
    for index in range(2):
        path = tmp_path / f"imagenet_{index}.png"
        pixels = np.random.default_rng(index).random((64, 48, 3))
        keras.utils.save_img(path, 255 * pixels, scale=False)
        paths.append(path)
    monkeypatch.setattr(imagenet, "photographs", lambda: paths)
    monkeypatch.setattr(
        "zoo.training.reproduction.semantic_jpeg.reproduction.photographs",
        lambda: paths,
    )
    output = tmp_path / "out"
    exhibits = semantic_jpeg.reproduce(settings, output)
    assert [e.name for e in exhibits] == list(semantic_jpeg.EXHIBITS)
    for exhibit in exhibits:
        assert exhibit.rows
        assert all(len(row) == len(exhibit.header) for row in exhibit.rows)
        assert json.loads((output / f"{exhibit.name}.json").read_text())
        if exhibit.picture:
            assert (output / exhibit.picture).stat().st_size > 1000
    adaptive, accuracy, *_, photographs = exhibits
    rows = accuracy.data["rows"]
    for name, row in adaptive.data["rows"].items():
        assert rows[name]["adaptive"] == row["worst"]
        assert row["worst"] <= min(row["robust"].values())
    assert [*adaptive.data["rows"]["Aug-MSROI"]["robust"]] == [
        "defended",
        "through",
        "transferred",
    ]
    assert 10 < photographs.data["rows"]["MSROI"]["psnr"] < 60
    assert accuracy.provenance["attacks"]["fgsm"].startswith("fgsm(")


def test_maps_and_location(settings, tmp_path, monkeypatch):
    monkeypatch.setattr(
        maps,
        "_variants",
        lambda settings: {
            "MSROI": {},
            "Aug-MSROI, noise 0.1": {"augmented": True, "noise": 0.1},
        },
    )
    monkeypatch.setattr(maps, "ATTACKS", {"fgsm": "FGSM"})
    output = tmp_path / "out"
    location, stability = semantic_jpeg.reproduce(
        settings, output, only=("location", "stability")
    )
    cache = AttackCache(settings)
    assert cache.examples.images.shape == (IMAGES, 48, 48, 3)
    change = cache.attacked("fgsm") - cache.examples.images
    energy = (change**2).sum(-1)
    inside = energy[:, 8:32, 16:40].sum((1, 2)) / energy.sum((1, 2))
    row = location.data["rows"]["fgsm"]
    assert row["share"][0] == pytest.approx(inside.mean(), rel=1e-5)
    assert row["ratio"][0] == pytest.approx(4 * inside.mean(), rel=1e-5)
    rows = stability.data["rows"]
    aucs = [
        maps.auc(one, mask)
        for one, mask in zip(
            cache.run(
                zoo.models.saliency_model(cache.network),
                cache.attacked("fgsm"),
                "fgsm",
            ),
            cache.examples.masks,
            strict=True,
        )
    ]
    assert rows["MSROI"]["auc"]["fgsm"][0] == pytest.approx(
        np.mean(aucs), abs=1e-6
    )
    (note,) = (n for n in stability.notes if n.startswith("Aug-MSROI, noise"))
    less = np.subtract(
        rows["MSROI"]["fall"]["fgsm"],
        rows["Aug-MSROI, noise 0.1"]["fall"]["fgsm"],
    )
    assert f"{less.mean():.3f} ±" in note
    assert (output / "README.md").read_text().count("## ") == 2


def test_attacked_images_are_kept(settings, monkeypatch):
    first = AttackCache(settings).attacked("fgsm")

    def fail(*_, **__):
        raise AssertionError("attacked again")

    cache = AttackCache(settings)
    for _, attack in cache.attacks.values():
        monkeypatch.setattr(type(attack), "__call__", fail)
    np.testing.assert_allclose(cache.attacked("fgsm"), first, atol=1e-6)
    with pytest.raises(AssertionError, match="attacked again"):
        cache.attacked("bim_on_msroi")


def test_predictions_do_not_depend_on_their_order(settings):
    cache = AttackCache(settings)
    find = cache.semantic("Aug-MSROI").get_layer("saliency_model")
    images = cache.examples.images[:2]
    first = cache.run(find, images, "first")
    assert not np.allclose(cache.run(find, images, "second"), first, atol=1e-3)
    np.testing.assert_array_equal(cache.run(find, images, "first"), first)


def test_matched_files_are_as_large_as_plain_jpegs(settings):
    cache = AttackCache(settings)
    highest = cache.highest_quality("MSROI, matched")
    assert cache.highest_quality("MSROI") == 100 > highest > 50
    sizes = {
        quality: cache.sizes.of_maps(
            np.asarray(
                zoo.layers.QualityMap(20, quality)(
                    cache.run(
                        zoo.models.saliency_model(cache.network),
                        cache.examples.images,
                        "any",
                    )
                )
            )
        ).mean()
        for quality in (highest - 1, highest, highest + 1)
    }
    wanted = cache.sizes.plain(50).mean()
    nearest = min(sizes, key=lambda quality: abs(sizes[quality] - wanted))
    assert nearest == highest
    found = cache.sizes.of_maps(cache.quality_maps("MSROI, matched")).mean()
    assert found == pytest.approx(sizes[highest], rel=1e-3)


@pytest.mark.large
def test_predictions_are_probabilities_of_each_draw(settings):
    cache = AttackCache(settings)
    clean = cache.probabilities("Aug-MSROI", "clean")
    assert clean.shape == (2, IMAGES, 3)
    np.testing.assert_allclose(clean.sum(-1), 1, atol=1e-5)
    assert cache.probabilities("MSROI", "clean").shape == (1, IMAGES, 3)


def test_settings_are_checked(tmp_path):
    with pytest.raises(ValueError, match="weights must be a folder.*nope"):
        semantic_jpeg.Settings(workdir=tmp_path, weights=tmp_path / "nope")
    for options in (
        {"min_quality": 90, "max_quality": 80},
        {"max_quality": 101},
        {"match_quality": 10},
    ):
        with pytest.raises(ValueError, match="ma(x|tch)_quality"):
            semantic_jpeg.Settings(workdir=tmp_path, **options)
    with pytest.raises(ValueError, match="eps must be above 0"):
        semantic_jpeg.Settings(workdir=tmp_path, eps=0.0)


def test_command_line_knows_the_exhibits(capsys):
    text = failed(capsys, "reproduce", "semantic_jpeg", "--only", "tab9")
    assert "adaptive, accuracy, elephant" in text
