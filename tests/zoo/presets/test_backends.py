"""Presets give the same answers under every backend of Keras."""

import inspect
import json
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import zoo
from zoo import presets
from zoo.training import datasets
from zoo.training.datasets.rendered_signs import views

SCRIPT = """
import json, sys
import numpy as np
import keras
import zoo

assert keras.backend.backend() == sys.argv[1]
models = json.loads(sys.argv[2])
# These copy layers, and a layer's get_config in Keras imports TensorFlow.
copying = [name for name in models if name.startswith("semantic_jpeg")]
for name in sorted(models, key=copying.__contains__):
    if name in copying[:1]:
        assert "tensorflow" not in sys.modules
    options = models[name]
    model = zoo.load(name, **options)
    images = np.load("{}x{}x{}.npy".format(*model.input_shape[1:]))
    if zoo.info(name).grown_from:
        images = images[:1]
    logits = model(images, training=False)
    np.save(f"{name}.npy", keras.ops.convert_to_numpy(logits))
"""


def published() -> dict[str, dict]:
    """Returns the presets with weights, each with options for this test.

    Backends draw different random numbers, so of several JPEG qualities one
    is kept, and Aug-MSROI has no noise.
    """
    weighted = [p for p in map(presets.get, presets.names()) if p.weights]
    return {preset.name: _determined(preset) for preset in weighted}


def _determined(preset: presets.Preset) -> dict:
    """Returns the options without which a preset draws random numbers."""
    builder = pkgutil.resolve_name(":".join(preset.builder.rsplit(".", 1)))
    options = inspect.signature(builder).bind(**preset.config)
    options.apply_defaults()
    determined = {}
    if options.arguments.get("qualities"):
        determined["qualities"] = [60]
    if options.arguments.get("augmented"):
        determined["noise"] = 0.0
    return determined


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_backends_agree(backend, tmp_path):
    """Where a backend is installed; the zoo then imports no TensorFlow."""
    pytest.importorskip(backend)
    clothes = datasets.load("fashion_mnist_sample", batch_size=8)
    clothes, _ = next(clothes.as_numpy_iterator())
    signs = views("stop", 8).images
    images = {
        (28, 28, 1): clothes,
        (32, 32, 3): signs,
        (128, 128, 3): np.tile(signs[:2], (1, 4, 4, 1)),
    }
    for shape, pictures in images.items():
        np.save(tmp_path / "{}x{}x{}.npy".format(*shape), pictures)
    models = published()
    root = str(Path(zoo.__file__).parents[1])
    subprocess.run(
        [sys.executable, "-c", SCRIPT, backend, json.dumps(models)],
        env=os.environ | {"KERAS_BACKEND": backend, "PYTHONPATH": root},
        cwd=tmp_path,
        check=True,
        timeout=600,
    )
    for name, options in models.items():
        model = zoo.load(name, **options)
        logits = np.load(tmp_path / f"{name}.npy")
        expected = model(
            images[model.input_shape[1:]][: len(logits)], training=False
        )
        np.testing.assert_allclose(logits, expected, atol=1e-3)
