"""BlurNet's penalties against their formulas."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies

from zoo import regularizers
from zoo.regularizers import KernelTotalVariation
from zoo.regularizers import LInf
from zoo.regularizers import TotalVariation

PENALTIES = (LInf, TotalVariation, KernelTotalVariation)


def total_variation(x):
    """As the paper writes it, for one map."""
    height, width = x.shape
    down = sum(
        abs(x[i + 1, j] - x[i, j])
        for i in range(height - 1)
        for j in range(width)
    )
    across = sum(
        abs(x[i, j + 1] - x[i, j])
        for i in range(height)
        for j in range(width - 1)
    )
    return down + across


def normal(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def value_and_gradient(penalty, x):
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = penalty(x)
    return value.numpy(), tape.gradient(value, x).numpy()


def test_l_inf_is_the_largest_entry_of_each_filter():
    kernel = np.zeros((2, 2, 2, 1), "float32")
    kernel[:, :, 0, 0] = [[1, 2], [-3, 1]]  # As an operator's norm: 4.
    kernel[:, :, 1, 0] = [[0.5, 0], [0, 0]]
    assert float(LInf(0.1)(kernel)) == pytest.approx(0.1 / 2 * (3 + 0.5))


def test_kernel_total_variation_is_the_papers():
    kernel = normal((3, 4, 2, 3))
    filters = kernel.reshape(3, 4, 6).transpose(2, 0, 1)
    expected = 0.2 / 6 * sum(map(total_variation, filters))
    assert float(KernelTotalVariation(0.2)(kernel)) == pytest.approx(
        expected, rel=1e-5
    )


@pytest.mark.parametrize("batch", [1, 5])
def test_total_variation_as_an_activity_regularizer_is_the_papers(batch):
    """Keras divides by the number of images, the formula's N."""
    layer = keras.layers.Conv2D(3, 2, activity_regularizer=TotalVariation(0.3))
    maps = np.asarray(layer(normal((batch, 5, 6, 2))))
    terms = [
        total_variation(maps[i, ..., k]) for i in range(batch) for k in range(3)
    ]
    expected = 0.3 / (batch * 3) * sum(terms)
    assert float(layer.losses[0]) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("penalty", PENALTIES)
def test_gradients_match_finite_differences(penalty):
    penalty = penalty(0.7)
    x = normal((3, 3, 2, 2))
    _, gradient = value_and_gradient(penalty, x)
    numeric = np.zeros_like(x)
    step = 1e-3
    for index in np.ndindex(x.shape):
        shifted = x.copy()
        shifted[index] += step
        above = float(penalty(shifted))
        shifted[index] -= 2 * step
        numeric[index] = (above - float(penalty(shifted))) / (2 * step)
    np.testing.assert_allclose(gradient, numeric, atol=2e-3)
    assert np.abs(gradient).max() > 0.05


@pytest.mark.parametrize("penalty", PENALTIES)
@settings(deadline=None, max_examples=25)
@given(seed=strategies.integers(0, 2**32 - 1))
def test_gradients_at_ties_are_subgradients(penalty, seed):
    """A convex function lies above its tangents: f(y) >= f(x) + g (y - x)."""
    rng = np.random.default_rng(seed)
    x = rng.integers(-1, 2, (3, 2, 2, 2)).astype("float32")
    y = x + rng.normal(size=x.shape).astype("float32") * rng.choice([0.01, 2])
    penalty = penalty(1.0)
    value, gradient = value_and_gradient(penalty, x)
    tangent = value + np.sum(gradient * (y - x))
    assert float(penalty(y)) >= tangent - 1e-4


@pytest.mark.parametrize("penalty", PENALTIES)
def test_constants_cost_what_the_formula_says(penalty):
    value = float(penalty(0.5)(np.full((2, 4, 4, 3), -2.0, "float32")))
    assert value == pytest.approx(1.0 if penalty is LInf else 0.0)


@pytest.mark.parametrize("penalty", PENALTIES)
def test_half_precision_is_summed_in_float32(penalty):
    x = normal((4, 16, 16, 8))
    halved = tf.cast(x, "bfloat16")
    value = penalty(1.0)(halved)
    assert value.dtype == "float32"
    expected = penalty(1.0)(tf.cast(halved, "float32"))
    assert float(value) == float(expected)


def classifier(penalty=None, kernel_penalty=None):
    return keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            keras.layers.Conv2D(
                4,
                3,
                activity_regularizer=penalty,
                kernel_regularizer=kernel_penalty,
            ),
            keras.layers.Flatten(),
            keras.layers.Dense(2, dtype="float32"),
        ]
    )


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_plain_fit_adds_them_to_the_loss_and_lowers_them(policy):
    keras.config.set_dtype_policy(policy)
    images = normal((32, 6, 6, 1))
    labels = np.arange(32) % 2
    model = classifier(TotalVariation(1.0), LInf(1.0))
    model.compile(
        keras.optimizers.SGD(0.05),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["sparse_categorical_crossentropy"],
    )
    model(images)
    before = [float(loss) for loss in model.losses]
    history = model.fit(images, labels, epochs=5, batch_size=32, verbose=0)
    model(images)
    after = [float(loss) for loss in model.losses]
    assert history.history["loss"][0] > sum(before)
    for old, new in zip(before, after, strict=True):
        assert new < 0.9 * old


def test_they_survive_saving_and_loading(tmp_path):
    model = classifier(TotalVariation(0.3), LInf(0.2))
    model.save(tmp_path / "model.keras")
    restored = keras.saving.load_model(tmp_path / "model.keras")
    layer = restored.layers[0]
    assert layer.activity_regularizer.alpha == 0.3
    assert layer.kernel_regularizer.alpha == 0.2
    images = normal((2, 6, 6, 1))
    model(images), restored(images)
    np.testing.assert_allclose(restored.losses, model.losses, rtol=1e-6)


@pytest.mark.parametrize("name", regularizers.by_name)
def test_found_by_name_and_by_configuration(name):
    penalty = regularizers.get(name, alpha=0.25)
    assert type(penalty) is regularizers.by_name[name]
    assert penalty.alpha == 0.25
    config = keras.regularizers.serialize(penalty)
    for find in (regularizers.get, keras.regularizers.get):
        assert find(config).alpha == 0.25


def test_keras_own_are_found_too():
    assert isinstance(regularizers.get("l2"), keras.regularizers.L2)
    assert regularizers.get(None) is None


def test_unknown_names_get_the_near_one():
    with pytest.raises(ValueError, match="Did you mean 'total_variation'?"):
        regularizers.get("total_variance")
    with pytest.raises(ValueError, match="Options go with a name"):
        regularizers.get("l2", alpha=0.1)


@pytest.mark.parametrize("penalty", PENALTIES)
def test_bad_input_is_refused(penalty):
    for alpha in (-0.1, float("nan"), "1"):
        with pytest.raises(ValueError, match="Received: alpha="):
            penalty(alpha)
    with pytest.raises(ValueError, match=r"Received: shape=\(2, 3\)"):
        penalty()(np.zeros((2, 3), "float32"))
