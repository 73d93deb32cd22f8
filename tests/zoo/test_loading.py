"""Models by name, on a tiny builder."""

import sys
import types

import keras
import numpy as np
import pytest

from zoo import loading
from zoo import presets
from zoo.loading import dtype_policy
from zoo.presets import Preset
from zoo.presets import base
from zoo.presets import register
from zoo.weights import Weights
from zoo.weights import save_weights


def tiny(
    *,
    width=4,
    num_classes=3,
    image_shape=(8, 8, 1),
    noise=0.1,
    name="tiny",
):
    """A network with a head, inside a model that adds noise."""
    images = keras.Input((None, None, image_shape[-1]))
    x = keras.layers.Conv2D(width, 3, activation="relu")(images)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    inner = keras.Model(
        images,
        keras.layers.Dense(num_classes, dtype="float32", name="logits")(x),
    )
    images = keras.Input(image_shape, name="image")
    noisy = keras.layers.GaussianNoise(noise)(images)
    return keras.Model(images, inner(noisy), name=name)


def headless(*, num_classes=3, image_shape=(8, 8, 1), name="headless"):
    images = keras.Input(image_shape)
    x = keras.layers.Flatten()(images)
    return keras.Model(images, keras.layers.Dense(num_classes)(x), name=name)


@pytest.fixture(autouse=True)
def published(monkeypatch, tmp_path):
    """A registered preset, and the model whose weights it has."""
    module = types.ModuleType("tiny_models")
    module.tiny = tiny
    module.headless = headless
    monkeypatch.setitem(sys.modules, "tiny_models", module)
    monkeypatch.setattr(base, "_REGISTRY", dict(base._REGISTRY))
    monkeypatch.setattr(base, "_ALIASES", dict(base._ALIASES))
    for variable in ("ZOO_WEIGHTS_URL", "ZOO_OFFLINE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("ZOO_HOME", str(tmp_path / "home"))
    model = tiny()
    # Multiples of 1/8 survive half precision.
    rng = np.random.default_rng(0)
    model.set_weights(
        [rng.integers(1, 16, w.shape) / 8 for w in model.get_weights()]
    )
    mirror = tmp_path / "mirror"
    for name, built in (("tiny", model), ("headless", headless())):
        weights = save_weights(built, mirror / f"{name}.weights.h5")
        register(
            Preset(
                name=f"{name}_net",
                default_tag="data",
                builder=f"tiny_models.{name}",
                config=dict(num_classes=3, image_shape=(8, 8, 1)),
                dataset="data",
                description="Tiny.",
                paper="https://example.org",
                weights=Weights(weights.files, uri=mirror.as_uri()),
            )
        )
    return model


@pytest.fixture
def images():
    return np.random.default_rng(1).random((4, 8, 8, 1), "float32")


def same(one, other):
    return all(
        np.array_equal(a, b)
        for a, b in zip(one.get_weights(), other.get_weights(), strict=True)
    )


@pytest.mark.parametrize("name", ["tiny_net", "tiny_net.data"])
def test_loads_published_weights(published, images, name):
    model = loading.load(name)
    assert isinstance(model, keras.Model)
    assert model.name == "tiny_net"
    assert same(model, published)
    assert np.array_equal(model(images), published(images))


def test_a_path_is_told_how_to_load_it(tmp_path):
    path = tmp_path / "own.keras"
    with pytest.raises(presets.UnknownPresetError, match="zoo.list_models"):
        loading.load(str(path))
    path.write_bytes(b"")
    for name in (path, str(path)):
        with pytest.raises(presets.UnknownPresetError) as caught:
            loading.load(name)
        assert "keras.models.load_model(PATH)" in str(caught.value)
        assert str(path) in str(caught.value)


def test_no_weights(published):
    assert not same(loading.load("tiny_net", weights=None), published)


def test_no_weights_asks_for_no_file(monkeypatch):
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    monkeypatch.setenv("ZOO_WEIGHTS_URL", "https://example.org")
    loading.load("tiny_net", weights=None)
    with pytest.raises(OSError, match="ZOO_OFFLINE"):
        loading.load("tiny_net")


def test_new_head_on_pretrained_features(published):
    model = loading.load("tiny_net", num_classes=5)
    assert model.output_shape == (None, 5)
    *features, kernel, bias = model.get_weights()
    for new, old in zip(features, published.get_weights(), strict=False):
        assert np.array_equal(new, old)
    assert kernel.shape == (4, 5)
    assert np.std(kernel) > 0
    assert not np.any(bias)
    again = loading.load("tiny_net", num_classes=5)
    assert not np.array_equal(again.get_weights()[-2], kernel)


def test_same_number_of_classes_keeps_the_head(published):
    assert same(loading.load("tiny_net", num_classes=3), published)


def test_other_classes_of_the_same_number(published):
    model = loading.load("tiny_net", new_head=True)
    *features, kernel, bias = model.get_weights()
    *same_features, old, _ = published.get_weights()
    for one, other in zip(features, same_features, strict=True):
        np.testing.assert_array_equal(one, other)
    assert kernel.shape == old.shape
    assert not np.array_equal(kernel, old)
    with pytest.raises(ValueError, match="must fit"):
        loading.load("tiny_net", num_classes=5, new_head=False)


def test_other_image_size(published):
    model = loading.load("tiny_net", image_shape=[12, 10, 1])
    assert model.input_shape == (None, 12, 10, 1)
    assert same(model, published)


def test_other_channels_cannot_take_the_weights():
    with pytest.raises(ValueError, match="must fit `tiny_net`"):
        loading.load("tiny_net", image_shape=(8, 8, 3))
    loading.load("tiny_net", weights=None, image_shape=(8, 8, 3))


def test_other_options_reach_the_builder():
    model = loading.load("tiny_net", noise=0.5)
    assert model.layers[1].stddev == 0.5
    with pytest.raises(ValueError, match="must fit `tiny_net`"):
        loading.load("tiny_net", width=8)


def test_presets_are_not_changed():
    loading.load("tiny_net", weights=None, num_classes=7, width=2)
    assert loading.load("tiny_net").output_shape == (None, 3)


def test_own_weights_fit_exactly(tmp_path):
    path = tmp_path / "own.weights.h5"
    own = tiny(num_classes=5)
    save_weights(own, path, dtype="float32")
    model = loading.load("tiny_net", weights=path, num_classes=5)
    assert same(model, own)
    assert same(loading.load("tiny_net", weights=str(path), num_classes=5), own)
    with pytest.raises(ValueError, match="must fit `tiny_net`"):
        loading.load("tiny_net", weights=path)
    with pytest.raises(FileNotFoundError, match="Received: path="):
        loading.load("tiny_net", weights=tmp_path / "none.weights.h5")


@pytest.mark.parametrize("weights", ["imagenet", "Default", "own.h5", ""])
def test_weights_that_are_no_weight_file(weights):
    with pytest.raises(
        ValueError, match="'default'.*trained on data"
    ) as caught:
        loading.load("tiny_net", weights=weights)
    assert str(caught.value).endswith(f"Received: weights={weights!r}")
    assert "path" not in str(caught.value)


def test_mixed_precision(published, images):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = loading.load("tiny_net")
    finally:
        keras.config.set_dtype_policy("float32")
    assert same(model, published)
    logits = model(images)
    assert logits.dtype == "float32"
    assert np.allclose(logits, published(images), rtol=0.03, atol=0.1)


def test_two_loads_draw_different_noise(images):
    noise = [
        np.asarray(loading.load("tiny_net")(images, training=True))
        for _ in range(2)
    ]
    assert not np.allclose(*noise)


def test_unknown_option():
    with pytest.raises(ValueError) as caught:
        loading.load("tiny_net", widht=8)
    message = str(caught.value)
    assert "width, num_classes, image_shape, noise." in message
    assert message.endswith("Received: widht=8")


def test_new_head_needs_a_head():
    with pytest.raises(ValueError, match="one layer named `logits`"):
        loading.load("headless_net", num_classes=5)
    assert loading.load("headless_net").output_shape == (None, 3)


def test_unknown_name():
    for call in (loading.load, loading.download):
        with pytest.raises(ValueError, match="tiny_net.*Received: name='tiny"):
            call("tiny_nett")


def test_nothing_published():
    for call in (loading.load, loading.download):
        with pytest.raises(ValueError) as caught:
            call("irm_wrn28_10.aaac")
        message = str(caught.value)
        assert "No weights have been published" in message
        assert 'zoo.load("irm_wrn28_10.aaac", weights=None)' in message
        assert "trained on aaac. With weights: irm_wrn28_10." in message


def test_download(tmp_path):
    path = loading.download("tiny_net", progress=False)
    assert path == tmp_path / "home" / "weights" / "tiny.weights.h5"
    assert path.is_file()


def test_list_models():
    names = loading.list_models()
    assert names == sorted(names)
    assert {"tiny_net", "irm_wrn28_10", "irm_wrn16_2", "wrn16_2"} <= set(names)
    assert loading.list_models("tiny_*") == ["tiny_net"]
    assert loading.list_models("tiny_net") == ["tiny_net"]
    assert loading.list_models("TINY*") == []


def test_a_name_with_its_default_tag_is_listed():
    assert loading.list_models("tiny_net.data") == ["tiny_net"]
    assert loading.list_models("*.1e-4") == ["blurnet_tv"]
    assert loading.list_models("blurnet_tv*") == [
        "blurnet_tv",
        "blurnet_tv.1e-5",
    ]


def test_policy_is_given_back_even_after_an_error():
    before = keras.config.dtype_policy().name
    with pytest.raises(RuntimeError), dtype_policy("mixed_bfloat16"):
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
        raise RuntimeError
    assert keras.config.dtype_policy().name == before


def test_unknown_policy_changes_nothing():
    before = keras.config.dtype_policy().name
    with pytest.raises(ValueError), dtype_policy("float31"):
        pass
    assert keras.config.dtype_policy().name == before
