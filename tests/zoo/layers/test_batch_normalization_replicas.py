"""Batch norm on two devices, in a process that has two."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import zoo
from zoo.layers import BatchNormalization

SCRIPT = """
import keras
import numpy as np
import tensorflow as tf
from zoo.layers import BatchNormalization

half = tf.config.LogicalDeviceConfiguration()
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [half, half]
)
images = np.load("images.npy")
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
for name, options in {
    "own": {}, "kerass": {"scale": False}, "synchronized": {"synchronized": 1}
}.items():
    with strategy.scope():
        layer = BatchNormalization(momentum=0.5, **options)
        model = keras.Sequential([keras.Input(images.shape[1:]), layer])
        model.compile(keras.optimizers.SGD(0.0), "mse")
    model.fit(images, images, 8, epochs=3, shuffle=False, verbose=0)
    np.save(f"{name}.npy", [
        [*(copy.numpy() for copy in w.value.values), w.numpy()]
        for w in layer.non_trainable_weights
    ])
"""


def averages(*batches):
    """Returns one device's moving averages, the mean over the batches."""
    results = []
    for batch in batches:
        layer = BatchNormalization(momentum=0.5)
        for _ in range(3):
            layer(batch, training=True)
        results.append([w.numpy() for w in layer.non_trainable_weights])
    return np.mean(results, axis=0)


@pytest.mark.large
def test_replicas_share_their_moving_averages(tmp_path):
    """Means over replicas' statistics; synchronised, those of the batch."""
    images = np.random.default_rng(0).normal(2.0, 3.0, (8, 4, 5, 3))
    images[4:] *= 3.0
    images = images.astype("float32")
    np.save(tmp_path / "images.npy", images)
    root = str(Path(zoo.__file__).parents[1])
    subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env=os.environ | {"PYTHONPATH": root, "CUDA_VISIBLE_DEVICES": ""},
        cwd=tmp_path,
        check=True,
        timeout=300,
    )
    halves = averages(images[:4], images[4:])
    for name, expected in {
        "own": halves,
        "kerass": halves,
        "synchronized": averages(images),
    }.items():
        held = np.load(tmp_path / f"{name}.npy")
        assert held.shape == (2, 3, 3)
        np.testing.assert_allclose(
            held, np.repeat(expected[:, None], 3, 1), rtol=1e-4
        )
