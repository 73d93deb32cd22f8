"""Growth: the logits stay, the copies part, what cannot grow is refused."""

import functools
import hashlib

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from zoo.models import grow
from zoo.models import irm
from zoo.models import jpeg_wide_resnet
from zoo.models import lisa_cnn
from zoo.models import wide_resnet

OPTIONS = dict(num_classes=5, image_shape=(12, 12, 1))
KINDS = {
    "plain": (wide_resnet, {}),
    "pyramid": (wide_resnet, {"pooling_bins": (1, 2)}),
    "silu": (wide_resnet, {"activation": "silu"}),
    "jpeg": (jpeg_wide_resnet, {"dropout": 0.0, "seed": 7}),
    "irm": (
        irm,
        {"scales": (8, 12), "scale_weights": (0.3, 1.0), "seed": 7},
    ),
}
IMAGES = np.random.default_rng(0).random((6, 12, 12, 1), "float32")


def build(kind="plain", depth=10, width=2, **options):
    builder, own = KINDS[kind]
    return builder(depth=depth, width=width, **OPTIONS | own | options)


@functools.cache
def unchanged(**options):
    """Returns a model that no test may change."""
    return build(**options)


def trained(*args, seed=0, **options):
    """Returns a model whose batch norms are no longer as they were made."""
    model = build(*args, **options)
    rng = np.random.default_rng(seed)
    for layer in network(model).layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            channels = layer.gamma.shape[0]
            layer.set_weights(
                [
                    rng.uniform(0.5, 1.5, channels),
                    rng.uniform(-0.5, 0.5, channels),
                    rng.uniform(-0.5, 0.5, channels),
                    rng.uniform(0.5, 2.0, channels),
                ]
            )
    return model


def network(model):
    """Returns the Wide ResNet in a model."""
    if "ensemble" in (layer.name for layer in model.layers):
        return model.get_layer("ensemble").classifier
    inner = (part for part in model.layers if isinstance(part, keras.Model))
    return next(inner, model)


def logits(model, images=IMAGES, **options):
    return keras.ops.convert_to_numpy(model(images, **options))


def digest(model):
    sha256 = hashlib.sha256()
    for weights in model.get_weights():
        sha256.update(weights.tobytes())
    return sha256.hexdigest()


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=2, deadline=None, derandomize=True)
@given(
    depths=st.sampled_from([(10, 16), (10, 10), (16, 16)]),
    widths=st.sampled_from([(2, 4), (2, 6), (2, 2), (1, 1)]),
    seed=st.integers(0, 2**40),
)
def test_logits_stay(kind, depths, widths, seed):
    """Behind JPEG too: both models draw the same qualities first."""
    source = trained(kind, depths[0], widths[0], seed=seed)
    target = build(kind, depths[1], widths[1])
    before = source.get_weights()
    grow(source, target, seed=seed)
    expected = logits(source)
    bound = 2e-5 * np.abs(expected).max()
    np.testing.assert_allclose(logits(target), expected, atol=bound)
    for old, new in zip(before, source.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_logits_stay_in_bfloat16():
    source = trained()
    expected = logits(source)
    keras.config.set_dtype_policy("mixed_bfloat16")
    target = build(depth=16, width=6)
    grow(source, target)
    bound = 0.03 * np.abs(expected).max()
    np.testing.assert_allclose(logits(target), expected, atol=bound)


def test_logits_stay_on_the_statistics_of_a_batch():
    source, target = trained(), build(depth=16, width=4)
    grow(source, target)
    expected = logits(source, training=True)
    bound = 2e-5 * np.abs(expected).max()
    np.testing.assert_allclose(
        logits(target, training=True), expected, atol=bound
    )


@pytest.fixture(scope="module")
def pair():
    """A small model and what it grew to."""
    source, target = trained(), build(depth=16, width=4)
    grow(source, target, seed=3)
    return source, target


def test_every_copy_reads_a_share_of_the_old_weight(pair):
    """From a third to three times as much as the other copy."""
    source, target = (model.get_layer("conv3_0_conv2") for model in pair)
    old, new = (layer.get_weights()[0] for layer in (source, target))
    first, second = new[:, :, :64], new[:, :, 64:]
    np.testing.assert_allclose(
        first + second, np.tile(old, (1, 1, 1, 2)), atol=1e-6
    )
    for part in (first, second):
        share = part / np.tile(old, (1, 1, 1, 2))
        assert share.min() > 0.24
        assert share.max() < 0.76
        assert share.std() > 0.1


def test_added_blocks_add_zero_to_statistics_that_fit(pair):
    source, target = pair
    for group, next_norm in (
        (2, "conv3_0_1_norm"),
        (3, "conv4_0_1_norm"),
        (4, "final_norm"),
    ):
        added = f"conv{group}_1"
        (kernel,) = target.get_layer(f"{added}_conv1").get_weights()
        fan_in = np.prod(kernel.shape[:-1])
        np.testing.assert_allclose(kernel.std(), (2 / fan_in) ** 0.5, rtol=0.02)
        assert not np.any(target.get_layer(f"{added}_conv2").get_weights())
        gamma, beta, *moving = target.get_layer(f"{added}_1_norm").get_weights()
        assert (gamma == 1).all()
        assert (beta == 0).all()
        own = source.get_layer(next_norm).get_weights()[2:]
        for statistic, old in zip(moving, own, strict=True):
            np.testing.assert_array_equal(statistic, np.tile(old, 2))


def test_the_first_layer_is_copied(pair):
    for name in ("conv1", "conv2_0_1_norm"):
        old, new = (model.get_layer(name).get_weights() for model in pair)
        for one, other in zip(old, new, strict=True):
            np.testing.assert_array_equal(one, other)


def test_training_drives_the_copies_apart():
    source, target = trained(), build(depth=16, width=4)
    grow(source, target)
    maps = keras.Model(
        target.input,
        [target.get_layer(f"conv{group}_1_add").output for group in (2, 3, 4)],
    )

    def gaps():
        for features in maps(IMAGES):
            first, second = np.split(np.asarray(features), 2, axis=-1)
            size = np.abs(features).max()
            yield np.abs(first - second).max(axis=(0, 1, 2)) / size

    assert max(map(np.max, gaps())) < 1e-5
    target.compile(
        keras.optimizers.SGD(0.05, momentum=0.9),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        run_eagerly=True,
    )
    labels = np.arange(len(IMAGES)) % OPTIONS["num_classes"]
    target.fit(IMAGES, labels, epochs=3, verbose=0)
    assert min(map(np.min, gaps())) > 1e-4
    for group in (2, 3, 4):
        (kernel,) = target.get_layer(f"conv{group}_1_conv2").get_weights()
        assert (np.abs(kernel).max(axis=(0, 1, 2)) > 0).all()


def test_seed_fixes_the_weights(pair):
    source, target = pair
    again, other = build(depth=16, width=4), build(depth=16, width=4)
    grow(source, again, seed=3)
    grow(source, other, seed=4)
    assert digest(again) == digest(target)
    for name in ("conv3_0_conv2", "conv3_1_conv1", "logits"):
        one, two = (
            model.get_layer(name).get_weights()[0] for model in (target, other)
        )
        assert (one != two).mean() > 0.9


def test_weights_are_the_same_on_every_machine():
    source, target = (build("irm", 10, 2), build("irm", 16, 6))
    bits = np.random.PCG64(0)
    source.set_weights(
        [
            (bits.random_raw(w.size) >> 53).reshape(w.shape) / 2**11
            for w in source.get_weights()
        ]
    )
    grow(source, target, seed=1)
    assert digest(target) == (
        "53907b982881dd849779251ec26399a3033710a3cf3834ebde4799ed995be05a"
    )


def test_a_new_head_may_have_other_classes(pair):
    source, grown = pair
    target = build(depth=16, width=4, num_classes=3)
    head = target.get_layer("logits").get_weights()
    grow(source, target, seed=3, new_head=True)
    for old, new in zip(
        head, target.get_layer("logits").get_weights(), strict=True
    ):
        np.testing.assert_array_equal(old, new)
    for layer in grown.layers[:-1]:
        for one, other in zip(
            layer.get_weights(),
            target.get_layer(layer.name).get_weights(),
            strict=True,
        ):
            np.testing.assert_array_equal(one, other)


def test_options_without_weights_stay_the_targets_own():
    source = trained("irm")
    target = build("irm", width=4, scales=(10,), scale_weights=(1.0,))
    grow(source, target)
    assert target.get_layer("ensemble").scales == (10,)
    np.testing.assert_allclose(
        logits(network(target)), logits(network(source)), atol=1e-4
    )


@pytest.mark.parametrize(
    "source, target, rule, received",
    [
        ({"depth": 16}, {}, "at least as deep", "depth=16, target of depth=10"),
        (
            {"width": 4},
            {},
            "whole multiple as wide",
            "width=4, target of width=2",
        ),
        (
            {},
            {"width": 3},
            "whole multiple as wide",
            "width=2, target of width=3",
        ),
        ({"width": 1}, {}, "width of 1", "width=1, target of width=2"),
        (
            {},
            {"num_classes": 6},
            "classes",
            "num_classes=5, target of num_classes=6",
        ),
        (
            {},
            {"image_shape": (12, 12, 3)},
            "image channels",
            "image_channels=1, target of image_channels=3",
        ),
        (
            {},
            {"pooling_bins": (2,)},
            "pyramid",
            "bins=(1,), target of bins=(2,)",
        ),
        (
            {"kind": "irm"},
            {"kind": "irm", "pooling_bins": (1, 2)},
            "the source's pyramid",
            "bins=(1, 2, 4), target of bins=(1, 2)",
        ),
        (
            {"pooling_bins": (1, 2, 4)},
            {"kind": "irm"},
            "of the source's kind",
            "inside=None, target of inside=MultiScaleEnsemble",
        ),
        (
            {},
            {"activation": "silu"},
            "the source's activation",
            "activation=relu, target of activation=silu",
        ),
        (
            {},
            {"kind": "jpeg"},
            "of the source's kind",
            "inside=None, target of inside=Functional",
        ),
    ],
)
def test_impossible_growth_is_refused(source, target, rule, received):
    source, target = unchanged(**source), unchanged(**target)
    before = digest(target)
    with pytest.raises(ValueError, match=rule) as error:
        grow(source, target)
    assert str(error.value).endswith(received)
    assert digest(target) == before


def scaled_wide_resnet():
    """A Wide ResNet and a weight more."""
    model = build()
    images = keras.Input((12, 12, 1))
    scaled = keras.layers.Conv2D(1, 1)(images)
    return keras.Model(images, model(scaled), name="scaled")


@pytest.mark.parametrize(
    "other",
    [
        lambda: lisa_cnn(image_shape=(32, 32, 1)),
        lambda: keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]),
        scaled_wide_resnet,
        lambda: keras.layers.Dense(2),
    ],
    ids=["lisa_cnn", "sequential", "other weights", "layer"],
)
def test_other_models_are_refused(other):
    other, own = other(), unchanged()
    for role, models in (("source", (other, own)), ("target", (own, other))):
        with pytest.raises(
            ValueError, match=f"`{role}` .* Received: {role}='{other.name}'"
        ):
            grow(*models)


@pytest.mark.parametrize("seed", [-1, 0.5])
def test_seed_must_be_whole(seed, pair):
    with pytest.raises(ValueError, match=f"Received: seed={seed}"):
        grow(*pair, seed=seed)
