"""Convolutions of 8 bits, by OpenVINO's post-training quantisation."""

import contextlib
import io
import pathlib
import re
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
        images: Float32, `(batch, height, width, channels)`, pixels in [0, 1].

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
        images[start : start + _BATCH]
        for start in range(0, len(images), _BATCH)
    ]
    nncf.set_log_level(40)
    graph = openvino.Core().read_model(file)
    with contextlib.redirect_stdout(io.StringIO()):  # Bars of progress.
        quantized = nncf.quantize(
            graph,
            nncf.Dataset(batches),
            ignored_scope=nncf.IgnoredScope(
                types=["MatMul"],
                names=_ops_of(graph, own),
                validate=False,
            ),
        )
    # A model that is read from a file keeps it open.
    with tempfile.TemporaryDirectory(dir=file.parent) as folder:
        written = pathlib.Path(folder, file.name)
        openvino.save_model(quantized, written, compress_to_fp16=False)
        for part in pathlib.Path(folder).iterdir():
            part.replace(file.parent / part.name)


def _ops_of(graph, layers: list[str]) -> list[str]:
    """Returns the names of the ops that layers are made of.

    Most bear their layer's name. Some, convolutions among them, are named
    anew by OpenVINO: these are a layer's if the next named ones on both sides
    are, and of that layer alone. The image is on no side.
    """
    names = "|".join(map(re.escape, layers))
    of_layers = re.compile(rf"(?:.*/)?({names})(?:_[0-9]+)?/.*")

    def layer_of(name):
        match = of_layers.fullmatch(name) if layers else None
        return match and match[1]

    ops = graph.get_ordered_ops()
    befores, afters = {}, {}
    for sides, order, neighbours in (
        (befores, ops, _sources),
        (afters, reversed(ops), _readers),
    ):
        for op in order:
            found = sides[op.get_friendly_name()] = set()
            for other in neighbours(op):
                name = other.get_friendly_name()
                found |= {layer_of(name)} if "/" in name else sides[name]
    return [
        name
        for name, after in afters.items()
        if layer_of(name)
        or (
            "/" not in name
            and None not in after
            and len(after) == len(after | befores[name]) == 1
        )
    ]


def _sources(op) -> list:
    return [value.get_source_output().get_node() for value in op.inputs()]


def _readers(op) -> list:
    return [
        value.get_node()
        for output in op.outputs()
        for value in output.get_target_inputs()
    ]
