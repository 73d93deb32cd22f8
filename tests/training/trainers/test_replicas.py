"""Two replicas, one of which has no image of the last batch.

In a process of its own: devices must be named before TensorFlow starts.
"""

import json
import os
import subprocess
import sys

import pytest

from tests.paths import ROOT

SCRIPT = """
import json
import keras
import numpy as np
import tensorflow as tf
from zoo.training import AdversarialTrainer, LabelSmoothing

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(
    cpu, [tf.config.LogicalDeviceConfiguration()] * 2
)
rng = np.random.default_rng(0)
images = rng.random((5, 4, 4, 1), "float32")
labels = np.arange(5) % 3


def run(weights=None, **options):
    with tf.distribute.MirroredStrategy(["/cpu:0", "/cpu:1"]).scope():
        inputs = keras.Input((4, 4, 1))
        x = keras.layers.Flatten()(inputs)
        model = keras.Model(inputs, keras.layers.Dense(3)(x))
        trainer = AdversarialTrainer(
            model, lambda m, x, y: x * 0.5, logit_pairing=0.5, **options
        )
        trainer.compile(keras.optimizers.SGD(0.0), LabelSmoothing(0.1))
    data = tf.data.Dataset.from_tensor_slices((images, labels))
    data = data.batch(4)
    if weights is not None:
        data = data.map(lambda x, y: (x, y, tf.fill(tf.shape(y), weights)))
    loss = trainer.fit(data, verbose=0).history["loss"][0]
    finite = all(np.isfinite(w).all() for w in trainer.get_weights())
    clean, darker = np.asarray(model(images)), np.asarray(model(images * 0.5))
    each = LabelSmoothing(0.1)
    expected = (each(labels, clean) + each(labels, darker)) / 2
    expected += 0.5 * np.mean((clean - darker) ** 2)
    return {"loss": loss, "expected": float(expected), "finite": bool(finite)}


def refusal():
    try:
        run(weight_perturbation=0.005)
    except ValueError as error:
        return str(error)


print("RESULTS", json.dumps([run(), run(0.0), refusal()]))
"""


@pytest.fixture(scope="module")
def results():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=ROOT,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (line,) = [x for x in done.stdout.splitlines() if x.startswith("RESULTS")]
    return json.loads(line.removeprefix("RESULTS "))


def test_a_replica_without_images_leaves_the_loss_right(results):
    """As on one device: the mean over all five images."""
    whole, *_ = results
    assert whole["loss"] == pytest.approx(whole["expected"], rel=1e-5)
    assert whole["finite"]


def test_weights_of_zero_leave_no_loss(results):
    _, unweighted, _ = results
    assert unweighted["loss"] == 0.0
    assert unweighted["finite"]


def test_weight_perturbation_takes_one_replica(results):
    assert "Received: a strategy of 2" in results[2]
