"""A stage's `fit`: averaged weights, against the average written out."""

import keras
import numpy as np
import tensorflow as tf

from zoo.training.recipes.stages import fit_stage

X = np.random.default_rng(0).normal(size=(12, 3)).astype("float32")
Y = X @ np.array([[1.0], [2.0], [3.0]], "float32")
RATE, MOMENTUM = 0.1, 0.5


def descend(kernel, epochs):
    """Yields the kernel after each step of four examples."""
    for _ in range(epochs):
        for start in range(0, 12, 4):
            x, y = X[start : start + 4], Y[start : start + 4]
            kernel = kernel - RATE * 2 / 4 * x.T @ (x @ kernel - y)
            yield kernel


def averages(steps):
    """Keras' average starts with the first step's weights."""
    average = next(steps)
    yield average
    for kernel in steps:
        average = MOMENTUM * average + (1 - MOMENTUM) * kernel
        yield average


def fit(workdir, epochs):
    model = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros"),
        ]
    )
    optimizer = keras.optimizers.SGD(RATE, use_ema=True, ema_momentum=MOMENTUM)
    model.compile(optimizer, "mse")
    batches = tf.data.Dataset.from_tensor_slices((X, Y)).batch(4)
    fit_stage(
        model, "s", workdir, images=batches, validation=batches, epochs=epochs
    )
    return model


def test_averaged_weights_are_measured_and_left(tmp_path):
    model = fit(tmp_path, 2)
    expected = list(averages(descend(np.zeros((3, 1)), 2)))
    np.testing.assert_allclose(model.layers[0].kernel, expected[-1], atol=1e-5)
    rows = np.genfromtxt(tmp_path / "s.csv", delimiter=",", names=True)
    for epoch, kernel in enumerate(expected[2::3]):
        np.testing.assert_allclose(
            rows["val_loss"][epoch], np.mean((X @ kernel - Y) ** 2), rtol=1e-4
        )


def test_an_interrupted_average_goes_on(tmp_path):
    fit(tmp_path, 1)
    model = fit(tmp_path, 2)
    *_, last = averages(descend(np.zeros((3, 1)), 2))
    np.testing.assert_allclose(model.layers[0].kernel, last, atol=1e-5)
