"""JPEG wherever a graph of it may run."""

import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.jpeg import as_bytes
from tests.jpeg import as_pixels
from tests.jpeg import paint
from tests.paths import ROOT
from zoo.exports.placement import cpu_only_ops
from zoo.layers.jpeg import JPEG


def test_every_operation_has_a_gpu_kernel():
    layer = JPEG()

    @tf.function(
        input_signature=[
            tf.TensorSpec((None, 30, 40, 3)),
            tf.TensorSpec((None, 4, 5)),
        ]
    )
    def forward_and_backward(images, quality_map):
        with tf.GradientTape() as tape:
            tape.watch(images)
            total = tf.reduce_sum(layer(images, quality_map=quality_map))
        return tape.gradient(total, images)

    graph = forward_and_backward.get_concrete_function().graph
    assert cpu_only_ops(graph.as_graph_def()) == {}


def test_runs_in_an_exported_model(tmp_path):
    images = keras.Input((None, None, 3))
    model = keras.Model(images, JPEG(30)(images))
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint(
        "serve", model, input_signature=[tf.TensorSpec((None, None, None, 3))]
    )
    archive.write_out(tmp_path / "export", verbose=False)
    served = tf.saved_model.load(tmp_path / "export").serve
    pixels = as_pixels(paint(1, 18, 23))
    np.testing.assert_array_equal(served(pixels), model(pixels))


def test_runs_in_a_data_pipeline():
    pixels = as_pixels(paint(4, 20, 20))
    layer = JPEG(60)
    dataset = tf.data.Dataset.from_tensor_slices(pixels).batch(2).map(layer)
    np.testing.assert_array_equal(
        np.concatenate(list(dataset.as_numpy_iterator())), layer(pixels)
    )


def test_compiles_with_xla():
    pixels = as_pixels(paint(2, 20, 36))
    compiled = tf.function(JPEG(75), jit_compile=True)
    difference = np.abs(as_bytes(compiled(pixels)) - as_bytes(JPEG()(pixels)))
    assert difference.mean() < 0.1


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_backends_agree(backend, tmp_path):
    pytest.importorskip(backend)
    pixels = as_pixels(paint(2, 26, 44))
    np.save(tmp_path / "pixels.npy", pixels)
    script = """
import json, sys
import numpy as np
from keras import ops
from zoo.layers.jpeg import JPEG

images = np.load(sys.argv[1])
for options in json.loads(sys.argv[2]):
    compressed = JPEG(**options)(images, quality_map=np.array([20, 80]))
    np.save(sys.argv[1] + str(options), ops.convert_to_numpy(compressed))
"""
    options = [{}, {"subsampling": "4:4:4"}, {"gradient": "soft"}]
    subprocess.run(
        [
            sys.executable,
            "-c",
            script,
            str(tmp_path / "pixels.npy"),
            json.dumps(options),
        ],
        env={**os.environ, "KERAS_BACKEND": backend},
        cwd=ROOT,
        check=True,
        timeout=120,
    )
    for option in options:
        np.testing.assert_allclose(
            np.load(tmp_path / f"pixels.npy{option}.npy"),
            JPEG(**option)(pixels, quality_map=np.array([20, 80])),
            atol=1e-6,
        )


@pytest.mark.large
def test_runs_in_an_export_to_torch(tmp_path):
    """Which traces no product of a tensor and an array of NumPy's."""
    pytest.importorskip("torch")
    pixels = as_pixels(paint(1, 16, 24))
    np.save(tmp_path / "pixels.npy", pixels)
    script = """
import sys
import keras, numpy as np, torch
from zoo.layers.jpeg import JPEG

images = np.load(sys.argv[1])
inputs = keras.Input(images.shape[1:])
model = keras.Model(inputs, JPEG(60)(inputs))
model.export(sys.argv[1] + ".pt2", format="torch", verbose=False)
program = torch.export.load(sys.argv[1] + ".pt2").module()
np.save(sys.argv[1], program(torch.from_numpy(images)).detach().numpy())
"""
    subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "pixels.npy")],
        env={**os.environ, "KERAS_BACKEND": "torch"},
        cwd=ROOT,
        check=True,
        timeout=120,
    )
    np.testing.assert_allclose(
        np.load(tmp_path / "pixels.npy"), JPEG(60)(pixels), atol=1e-6
    )
