"""Convolutions of 8 bits, by OpenVINO's post-training quantisation."""

import contextlib
import io
import pathlib
import tempfile

import keras
import numpy as np

from zoo.inspection import all_layers

_BATCH = 32
_OWN = "zoo.layers"


def quantize(
    model: keras.Model, file: pathlib.Path, images: np.ndarray
) -> None:
    """Replaces an OpenVINO file by one whose convolutions have 8 bits.

    Weights get a scale a channel, activations one a tensor, from their ranges
    on the images. What the defenses compute on pixels, and the classifying
    layer, stay in floating point: to round the pixels once more would change
    the defense.

    Args:
        model: What the file was made of.
        file: A `.xml`.
        images: `(batch, height, width, channels)`, pixels in [0, 1].

    Reference: [NNCF](https://github.com/openvinotoolkit/nncf)
    """
    import nncf
    import openvino

    own = [
        layer.name
        for layer in all_layers(model)
        if type(layer).__module__.startswith(_OWN) and not layer.weights
    ]
    batches = [
        images[start : start + _BATCH].astype("float32")
        for start in range(0, len(images), _BATCH)
    ]
    nncf.set_log_level(40)
    with contextlib.redirect_stdout(io.StringIO()):  # Bars of progress.
        quantized = nncf.quantize(
            openvino.Core().read_model(file),
            nncf.Dataset(batches),
            ignored_scope=nncf.IgnoredScope(
                types=["MatMul"],
                patterns=[f".*/{name}(_[0-9]+)?/.*" for name in own],
                validate=False,
            ),
        )
    # A model that is read from a file keeps it open.
    with tempfile.TemporaryDirectory(dir=file.parent) as folder:
        written = pathlib.Path(folder, file.name)
        openvino.save_model(quantized, written, compress_to_fp16=False)
        for part in pathlib.Path(folder).iterdir():
            part.replace(file.parent / part.name)
