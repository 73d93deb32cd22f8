"""Presets whose weights are grown from another's as they are loaded."""

import dataclasses

import keras
import numpy as np
import pytest

import zoo
from zoo import presets
from zoo.cli import main
from zoo.loading import dtype_policy
from zoo.models import wide_resnet
from zoo.presets import Preset
from zoo.presets import base
from zoo.training import datasets
from zoo.weights import GrownWeights
from zoo.weights import Weights
from zoo.weights import save_weights
from zoo.weights.digests import weights_digest

CONFIG = dict(depth=10, width=2, num_classes=3, image_shape=(8, 8, 1))
LARGE = CONFIG | dict(width=4)
IMAGES = np.random.default_rng(0).random((4, 8, 8, 1), "float32")
GROWN = [
    name
    for name in presets.names()
    if isinstance(presets.get(name).weights, GrownWeights)
]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A small network, the files of its weights, and the grown ones' hash."""
    small, large = wide_resnet(**CONFIG), wide_resnet(**LARGE)
    path = tmp_path_factory.mktemp("mirror") / "small_net.weights.h5"
    files = save_weights(small, path).files
    small.load_weights(path)
    zoo.models.grow(small, large, seed=5)
    return small, path, files, weights_digest(large)


@pytest.fixture(autouse=True)
def registered(source, monkeypatch, tmp_path):
    monkeypatch.setattr(base, "_REGISTRY", dict(base._REGISTRY))
    monkeypatch.setattr(base, "_ALIASES", dict(base._ALIASES))
    monkeypatch.delenv("ZOO_WEIGHTS_URL", raising=False)
    monkeypatch.setenv("ZOO_HOME", str(tmp_path / "home"))
    _, path, files, digest = source
    stored = Weights(files, uri=path.parent.as_uri(), licence="MIT")
    grown = GrownWeights("small_net", seed=5, sha256=digest)
    for name, config, weights in (
        ("small_net", CONFIG, stored),
        ("large_net", LARGE, grown),
    ):
        presets.register(
            Preset(
                name=name,
                builder="zoo.models.wide_resnet",
                config=config,
                dataset="data",
                description="Tiny.",
                paper="https://example.org",
                weights=weights,
            )
        )


def logits(model):
    return keras.ops.convert_to_numpy(model(IMAGES))


def test_computes_what_the_other_preset_does(source):
    model = zoo.load("large_net")
    assert model.name == "large_net"
    assert weights_digest(model) == zoo.info("large_net").sha256
    expected = logits(source[0])
    bound = 2e-5 * np.abs(expected).max()
    np.testing.assert_allclose(logits(model), expected, atol=bound)


def test_a_new_head_stands_on_grown_features():
    keras.utils.set_random_seed(1)
    five = zoo.load("large_net", num_classes=5)
    other = zoo.load("large_net", new_head=True)
    *features, kernel, bias = zoo.load("large_net").get_weights()
    for model, classes in ((five, 5), (other, 3)):
        *own, own_kernel, own_bias = model.get_weights()
        for one, two in zip(own, features, strict=True):
            np.testing.assert_array_equal(one, two)
        assert own_kernel.shape == (256, classes)
        assert own_kernel.std() > 0
        assert not own_bias.any()
    assert not np.array_equal(other.get_weights()[-2], kernel)
    with pytest.raises(ValueError, match="source's classes"):
        zoo.load("large_net", num_classes=5, new_head=False)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "bfloat16"])
def test_grows_in_any_policy(source, policy):
    """From the full precision of the file."""
    with dtype_policy(policy):
        model = zoo.load("large_net")
    grown = zoo.load("large_net").get_weights()
    variable = keras.DTypePolicy(policy).variable_dtype
    for weight, value in zip(model.weights, grown, strict=True):
        # A head of float32 stays so.
        assert weight.dtype in (variable, "float32")
        expected = keras.ops.cast(value, weight.dtype)
        np.testing.assert_array_equal(
            keras.ops.convert_to_numpy(weight), expected
        )


def test_other_weights_than_the_published_are_refused(monkeypatch):
    with pytest.raises(ValueError) as caught:
        zoo.load("large_net", width=8)
    message = str(caught.value)
    assert f"must have the SHA-256 {zoo.info('large_net').sha256}" in message
    assert "zoo.models.grow" in message
    wrong = GrownWeights("small_net", seed=6, sha256="0" * 64)
    preset = dataclasses.replace(presets.get("large_net"), weights=wrong)
    monkeypatch.setitem(base._REGISTRY, "large_net", preset)
    with pytest.raises(ValueError, match="grown from small_net by seed 6"):
        zoo.load("large_net")


def test_downloads_what_it_is_grown_from(tmp_path, capsys):
    expected = tmp_path / "home" / "weights" / "small_net.weights.h5"
    assert zoo.download("large_net") == expected
    assert expected.is_file()
    assert main(["download", "large_net"]) == 0
    assert capsys.readouterr().out == f"{expected}\n"


def test_says_that_it_is_grown(capsys):
    assert main(["info", "large_net"]) == 0
    assert "grown from small_net, seed 5: small" in capsys.readouterr().out
    assert main(["list", "large_net"]) == 0
    assert "MB, grown" in capsys.readouterr().out


def test_own_weights_are_read_as_ever(tmp_path):
    own = wide_resnet(**LARGE)
    save_weights(own, tmp_path / "own.weights.h5", dtype="float32")
    model = zoo.load("large_net", weights=tmp_path / "own.weights.h5")
    assert weights_digest(model) == weights_digest(own)


def test_untrained():
    first, second = (zoo.load("large_net", weights=None) for _ in range(2))
    assert weights_digest(first) != weights_digest(second)


@pytest.mark.parametrize("name", GROWN)
def test_shipped_ones_compute_what_their_sources_do(name):
    """Behind JPEG too: both models draw the same qualities."""
    images = datasets.load("fashion_mnist_sample", batch_size=2)
    images, _ = next(iter(images))
    source = presets.get(name).weights.grown_from
    seed = {"seed": 7} if name.startswith("irm") else {}
    expected = zoo.load(source, **seed)(images)
    np.testing.assert_allclose(
        zoo.load(name, **seed)(images), expected, atol=1e-4
    )
    assert "grown" in presets.get(name).description
    assert zoo.info(name).grown_from == source
