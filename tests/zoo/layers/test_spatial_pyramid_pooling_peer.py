"""Spatial pyramid pooling against TensorFlow Addons' layer.

TensorFlow Addons changes Keras for its whole process, so it gets its own.
"""

import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest

from zoo.layers import SpatialPyramidPooling

ADDONS = """
import sys
import keras.src
import tf_keras.src.engine
sys.modules["keras.src.engine"] = tf_keras.src.engine
import numpy as np
import tensorflow_addons as tfa
images = np.load(sys.argv[1])
pooled = tfa.layers.SpatialPyramidPooling2D([1, 2, 4])(images)
np.save(sys.argv[2], np.asarray(pooled))
"""


@pytest.mark.large
@pytest.mark.skipif(
    importlib.util.find_spec("tensorflow_addons") is None,
    reason="needs tensorflow-addons, tf-keras and typeguard<3",
)
@pytest.mark.parametrize("size", [(4, 4), (8, 8), (16, 12), (32, 32)])
def test_equals_tensorflow_addons_where_bins_divide(size, tmp_path):
    images = np.random.default_rng(0).normal(size=(3, *size, 5))
    images = images.astype("float32")
    source, target = tmp_path / "images.npy", tmp_path / "pooled.npy"
    np.save(source, images)
    subprocess.run(
        [sys.executable, "-c", ADDONS, source, target],
        check=True,
        env={**os.environ, "TF_USE_LEGACY_KERAS": "1"},
    )
    expected = np.load(target)
    outputs = np.asarray(SpatialPyramidPooling((1, 2, 4))(images))
    np.testing.assert_allclose(
        outputs, expected.reshape(outputs.shape), atol=1e-6
    )
