"""Converts a classifier to a format of another runtime, and checks it there."""

import contextlib
import dataclasses
import io
import os
import pathlib
import re
import shutil
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from zoo.exports.formats.draws import NativeDraws
from zoo.exports.formats.draws import PinnedDraws
from zoo.exports.formats.draws import drawing_by
from zoo.exports.formats.int8 import quantize
from zoo.exports.formats.refusals import check_onnx
from zoo.exports.formats.refusals import onnx_nodes
from zoo.exports.formats.refusals import refusal
from zoo.exports.formats.runtimes import FORMATS
from zoo.exports.formats.runtimes import INT8
from zoo.exports.formats.runtimes import check_installed
from zoo.exports.placement import reachable_nodes
from zoo.exports.saved_model.entropy import SeedSource
from zoo.exports.saved_model.entropy import check_graph
from zoo.exports.saved_model.entropy import seeds_from
from zoo.exports.saved_model.folding import folded
from zoo.exports.saved_model.signatures import IMAGE
from zoo.exports.saved_model.signatures import check_backend
from zoo.exports.saved_model.signatures import check_logits
from zoo.exports.saved_model.signatures import logits_of
from zoo.exports.saved_model.signatures import resolve_image_shape
from zoo.exports.saved_model.staging import local_folder
from zoo.exports.saved_model.staging import staged_version
from zoo.exports.saved_model.staging import writing_to
from zoo.inspection import are_probabilities
from zoo.inspection import check_float_input
from zoo.inspection import stochastic_layers
from zoo.saved_model_folder import write_classes
from zoo.validation import check_images

_BATCH = 32
_PROBES = 2
_SEED = 20
_STATELESS = re.compile(
    "Stateless(Random|Truncated|Parameterized|Multinomial|Shuffle)"
)
_TORCH = (
    "Keras exports to PyTorch under its PyTorch backend alone, and exports of "
    "this package run under TensorFlow's. With KERAS_BACKEND=torch, call "
    '`model.export(path, format="torch")`, which refuses models that draw. '
)


@dataclasses.dataclass(frozen=True)
class ConversionReport:
    """What was written, and how it was checked.

    Args:
        path: The version's folder.
        version: Number of the version.
        format: `"onnx"`, `"openvino"` or `"litert"`.
        size_bytes: Size of all files of the version.
        max_abs_difference: Largest absolute difference between the logits of
            the Keras model and of the runtime; of a randomised model with
            both draws pinned to the same constants; before it became int8.
        stochastic: Whether predicting draws random numbers.
        folded: How many batch norms were folded into convolutions.
        int8: Whether convolutions calculate with 8 bits.
        int8_agreement: Share of `int8_images` to which the file gives the
            class that it gave them in floating point; else `None`. Each run
            of a randomised model draws anew.
        int8_max_abs_difference: Largest absolute difference between these
            logits; else `None`.
    """

    path: pathlib.Path
    version: int
    format: str
    size_bytes: int
    max_abs_difference: float
    stochastic: bool
    folded: int
    int8: bool
    int8_agreement: float | None
    int8_max_abs_difference: float | None

    def to_dict(self) -> dict:
        """Returns the report as plain values that JSON can hold."""
        return {**dataclasses.asdict(self), "path": str(self.path)}


def convert(
    model: keras.Model,
    path: str | os.PathLike,
    format: str,
    *,
    version: int = 1,
    image_shape: Sequence[int] | None = None,
    classes: Sequence[str] | None = None,
    fold_batch_norm: bool | None = None,
    int8_images: np.ndarray | None = None,
    overwrite: bool = False,
    tolerance: float = 1e-3,
) -> ConversionReport:
    """Writes `<path>/<version>/model.onnx`, `model.xml` or `model.tflite`.

    Keras converts the model; this gives it random draws of the runtime's own,
    folds its batch norms, and runs the result. Triton and OpenVINO Model
    Server read such a folder. It appears whole, or not at all.

    The file takes `image`, float32, `(batch, height, width, channels)`, pixels
    in [0, 1], of one height and width, and returns float32 logits.

    Args:
        model: Takes such images and returns logits.
        format: `"onnx"`, `"openvino"` or `"litert"`.
        version: A whole number from 1.
        image_shape: Height, width and channels, where the model leaves them
            open.
        classes: Names of the classes, kept in `assets.extra/classes.json`.
        fold_batch_norm: Whether batch norms are folded into the convolutions
            before them; `None` folds in float32 alone.
        int8_images: Images to measure the ranges of activations on: the
            convolutions then calculate with 8 bits. Floating-point pixels in
            [0, 1], `(batch, height, width, channels)`. For `"openvino"` alone.
        overwrite: Whether an existing version is replaced.
        tolerance: Difference of logits allowed, as a fraction of the largest
            or of one, whichever is more.

    Raises:
        FileExistsError: If the version exists, unless `overwrite`.
        ImportError: If the format's extra is not installed.
        OSError: If the folder cannot be written.
        ValueError: If an argument is wrong, or the model cannot be converted,
            with the converter's or the runtime's reason.
    """
    if format not in tuple(FORMATS):
        reason = _TORCH if format == "torch" else ""
        raise ValueError(
            f"{reason}`format` must be one of {', '.join(FORMATS)}. "
            f"Received: format={format!r}"
        )
    if int8_images is not None and format != "openvino":
        raise ValueError(
            "`int8_images` are for the format openvino. "
            f"Received: format={format!r}"
        )
    check_backend()
    image_shape = resolve_image_shape(model, image_shape)
    check_float_input(model)
    if int8_images is not None:
        int8_images = check_images(int8_images, image_shape)
    check_installed(FORMATS[format] if int8_images is None else INT8)
    path = local_folder(path)
    name = FORMATS[format].file
    with staged_version(path, version, overwrite=overwrite) as directory:
        stochastic = _draws(model, image_shape)
        rng = np.random.default_rng(_SEED)
        images = rng.random((_PROBES, *image_shape), "float32")
        with _drawing_by(PinnedDraws(_SEED)):
            logits = logits_of(model, images)
        check_logits(logits, classes)
        expected = logits.numpy()
        if are_probabilities(expected):
            raise ValueError(
                "`model` must return logits: take the softmax at its end "
                f"away. Received: {model.name}, whose outputs are "
                "probabilities"
            )
        with folded(model, fold_batch_norm) as folds, writing_to(path):
            checked = directory / "checked" if stochastic else directory
            checked.mkdir(exist_ok=True)
            batch = _PROBES if stochastic else None
            shape = (batch, *image_shape)
            _export(model, checked / name, format, shape, PinnedDraws(_SEED))
            logits = _run(model, checked / name, format, images)
            difference = _difference(logits, expected, tolerance, format)
            if stochastic:
                shutil.rmtree(checked)
                shape = (None, *image_shape)
                _export(model, directory / name, format, shape, NativeDraws())
            agreement = loss = None
            if int8_images is not None:
                exact = _run(model, directory / name, format, int8_images)
                quantize(model, directory / name, int8_images)
                rounded = _run(model, directory / name, format, int8_images)
                same = np.argmax(rounded, axis=-1) == np.argmax(exact, axis=-1)
                agreement = float(np.mean(same))
                loss = float(np.max(np.abs(rounded - exact)))
            _run(model, directory / name, format, images)
            if classes is not None:
                write_classes(directory, classes)
        files = [f for f in directory.rglob("*") if f.is_file()]
        size = sum(file.stat().st_size for file in files)
    return ConversionReport(
        path=path / str(version),
        version=version,
        format=format,
        size_bytes=size,
        max_abs_difference=difference,
        stochastic=stochastic,
        folded=len(folds),
        int8=int8_images is not None,
        int8_agreement=agreement,
        int8_max_abs_difference=loss,
    )


def _draws(model, image_shape) -> bool:
    """Returns whether a model draws; refuses one that would replay noise."""
    source = NativeDraws()
    predict = tf.function(
        lambda image: logits_of(model, image), autograph=False
    )
    with _drawing_by(source) as seeds:
        concrete = predict.get_concrete_function(
            tf.TensorSpec([None, *image_shape])
        )
    graph = concrete.graph.as_graph_def()
    check_graph(graph)
    stochastic = [layer.name for layer in stochastic_layers(model)]
    left = {n.op for n in reachable_nodes(graph) if _STATELESS.match(n.op)}
    if left or seeds.draws != source.draws or (stochastic and not source.draws):
        raise ValueError(
            "A model must draw uniform or normal numbers alone, by "
            "`keras.random` and from a `keras.random.SeedGenerator`, else its "
            "noise is frozen into the export. "
            f"Received: {seeds.draws} draws from seed generators, "
            f"{source.draws} draws of uniform or normal numbers, other draws="
            f"{sorted(left)}, stochastic layers={stochastic}"
        )
    return source.draws > 0


@contextlib.contextmanager
def _drawing_by(source):
    # Their seeds are not used, but their state must not be read.
    seeds = SeedSource(_SEED)
    with seeds_from(seeds), drawing_by(source):
        yield seeds


def _export(model, file, format, shape, source) -> None:
    spec = tf.TensorSpec(shape, tf.float32, name=IMAGE)
    try:
        with _drawing_by(source), contextlib.redirect_stdout(io.StringIO()):
            model.export(
                str(file), format=format, verbose=False, input_signature=[spec]
            )
        if format == "onnx":
            _finish_onnx(file)
        if format == "litert":
            _open_sizes(file)
    except OSError:
        raise
    except Exception as error:  # Converters raise many kinds.
        raise refusal(model, format, error, file.parent) from error


def _finish_onnx(file) -> None:
    """Takes away the seeds that the converter to ONNX gives random draws.

    It makes zero, which lets TensorFlow choose, a seed like any other: every
    load would replay the same noise.
    """
    import onnx

    model = onnx.load(file)
    check_onnx(model)
    for node in onnx_nodes(model):
        kept = [a for a in node.attribute if a.name != "seed"]
        if len(kept) < len(node.attribute):
            del node.attribute[:]
            node.attribute.extend(kept)
    onnx.save(model, file)


def _open_sizes(file) -> None:
    """Writes sizes that only a call knows as LiteRT reads them.

    Where the converter reshapes what an einsum gives, it writes -1 for the
    size of the batch. LiteRT looks for it in the signature of a shape; in the
    shape itself it is a tensor of a wrong size, and the file isn't loaded.
    """
    from tensorflow.lite.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model(file)
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            shape = [] if tensor.shape is None else list(tensor.shape)
            if any(size < 0 for size in shape):
                tensor.shapeSignature = shape
                tensor.shape = [max(size, 1) for size in shape]
    flatbuffer_utils.write_model(model, file)


def _run(model, file, format, images) -> np.ndarray:
    try:
        predict = FORMATS[format].load(file, 1)
        logits = np.concatenate(
            [
                predict(images[start : start + _BATCH])
                for start in range(0, len(images), _BATCH)
            ]
        )
    except Exception as error:  # Runtimes raise many kinds.
        raise refusal(model, format, error, file.parent) from error
    if not np.all(np.isfinite(logits)):
        raise ValueError(
            f"The logits of {format} must be finite. Received: logits={logits}"
        )
    return logits


def _difference(logits, expected, tolerance, format) -> float:
    difference = float(np.max(np.abs(logits - expected)))
    limit = tolerance * max(1.0, float(np.max(np.abs(expected))))
    if not difference <= limit:
        raise ValueError(
            f"The logits of {format} must be within {limit:.3g} of the Keras "
            f"model. Received: difference={difference:.3g}"
        )
    return difference
