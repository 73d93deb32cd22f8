"""Writes a classifier as a SavedModel that has been run before it counts."""

import dataclasses
import os
import pathlib
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from zoo.class_names import as_class_names
from zoo.exports.placement import cpu_only_ops
from zoo.exports.saved_model.entropy import SeedSource
from zoo.exports.saved_model.entropy import check_graph
from zoo.exports.saved_model.entropy import seeds_from
from zoo.exports.saved_model.folding import folded
from zoo.exports.saved_model.signatures import IMAGE
from zoo.exports.saved_model.signatures import IMAGE_BYTES
from zoo.exports.saved_model.signatures import PIXEL_SCALE
from zoo.exports.saved_model.signatures import SEED
from zoo.exports.saved_model.signatures import SERVED
from zoo.exports.saved_model.signatures import build_signatures
from zoo.exports.saved_model.signatures import check_backend
from zoo.exports.saved_model.signatures import logits_of
from zoo.exports.saved_model.signatures import parts_of
from zoo.exports.saved_model.signatures import resolve_image_shape
from zoo.exports.saved_model.staging import local_folder
from zoo.exports.saved_model.staging import staged_version
from zoo.exports.saved_model.staging import writing_to
from zoo.exports.saved_model.verification import check_rows
from zoo.exports.saved_model.verification import max_logit_difference
from zoo.exports.saved_model.warmup import write_request
from zoo.exports.saved_model.warmup import write_warmup
from zoo.inspection import all_layers
from zoo.inspection import are_probabilities
from zoo.inspection import check_float_input
from zoo.inspection import explanation
from zoo.inspection import stochastic_layers
from zoo.layers import JPEG
from zoo.saved_model_folder import write_classes

_HALF = ("bfloat16", "float16")
_PATCH = 4
_PROBES = 2
_PROBE_SEED = 20


@dataclasses.dataclass(frozen=True)
class ExportReport:
    """What was written, and how it was checked.

    Args:
        path: The version's directory, ready for a server to load.
        version: Number of the version.
        size_bytes: Size of all files of the version.
        signatures: For each signature its `inputs` and `outputs`, each a
            mapping from a name to dtype and shape, as
            `"float32[?,32,32,3]"`.
        max_abs_difference: Largest absolute difference between the logits
            of the Keras model and of the export, reloaded through
            TensorFlow's C++ loader, over all signatures.
        stochastic: Whether predicting draws random numbers.
        seed: The seed that pins these draws; `None` if each call draws
            fresh entropy.
        cpu_only_ops: For each signature the ops without a GPU kernel, and
            how many there are of each. Those of `serving_bytes` alone decode
            and resize pictures, which is the CPU's by nature.
        folded: How many batch norms were folded into convolutions.
    """

    path: pathlib.Path
    version: int
    size_bytes: int
    signatures: dict[str, dict[str, dict[str, str]]]
    max_abs_difference: float
    stochastic: bool
    seed: int | None
    cpu_only_ops: dict[str, dict[str, int]]
    folded: int

    def to_dict(self) -> dict:
        """Returns the report as plain values that JSON can hold."""
        return {**dataclasses.asdict(self), "path": str(self.path)}


def save(
    model: keras.Model,
    path: str | os.PathLike,
    *,
    version: int = 1,
    signatures: Sequence[str] | None = None,
    image_shape: Sequence[int] | None = None,
    classes: Sequence[str] | None = None,
    seed: int | None = None,
    warmup: bool = True,
    overwrite: bool = False,
    tolerance: float | None = None,
    check_pixels: bool = False,
    fold_batch_norm: bool | None = None,
    allow_cpu_ops: Sequence[str] = (),
) -> ExportReport:
    """Writes `<path>/<version>` for TensorFlow Serving and checks it.

    The directory appears whole, after TensorFlow's C++ loader has run each
    signature and found the logits of the Keras model; a failure leaves
    nothing behind. The Keras model is left as it was.

    A model that draws random numbers through `keras.random.SeedGenerator`
    draws fresh entropy in the export: at every call, in every process, and
    whatever `tf.random.set_seed` said.

    An empty batch fails on a CPU with oneDNN in convolutional models, with
    `Incompatible shapes`; `TF_ENABLE_ONEDNN_OPTS=0` makes it work.

    Args:
        model: Takes float32 images of shape (batch, height, width,
            channels), pixels in [0, 1]; returns logits.
        version: A whole number; servers take the highest.
        signatures: `"serving_default"` takes pixels, `"serving_bytes"`
            encoded pictures; both return `logits`, `probabilities` and
            `classes` (see `zoo.exports.saved_model.signatures`). `"explain"`
            takes pixels and returns what the model marks by
            `zoo.layers.Explained`. The default is these three, the last where
            there are marks. `"seeded"`, of models that draw random numbers,
            takes pixels and the seed of each image, for debugging: who may
            call it can repeat the noise, as an attacker would.
        image_shape: Height, width and channels, where the model leaves
            them open. The default for a subclassed model, which leaves all
            open, is the shape that it was built for.
        classes: Names of the classes, returned as `labels` and kept in
            `assets.extra/classes.json`; numbers become their digits.
        seed: For debugging: every call repeats the same noise. An attacker
            knows it too, so never serve such an export. `"seeded"` leaves
            the other signatures random.
        warmup: Whether to write requests that the server replays as it
            loads the model.
        overwrite: Whether an existing version is replaced.
        tolerance: Difference of logits allowed, as a fraction of the
            largest logit or of one, whichever is more. The default is 1e-4;
            where anything rounds more coarsely than float32 it is 1e-2: half
            precision, TF32 on a GPU, JPEG, quantised layers.
        check_pixels: Whether `serving_default` fails on pixels outside
            [0, 1], such as 8-bit ones, and on NaN, instead of answering.
            It reads each pixel once more.
        fold_batch_norm: Whether batch norms are folded into the convolutions
            before them. Where something else is before one, it stays. `None`
            folds in float32 alone: in half precision folding loses digits.
        allow_cpu_ops: Names of ops that the model may have though no GPU
            runs them, such as `"ResizeArea"`.

    Raises:
        FileExistsError: If the version exists, unless `overwrite`.
        OSError: If the directory cannot be written.
        ValueError: If an argument is wrong, the model is not such a
            classifier, it would replay its noise, it draws none and an image's
            logits depend on the others of its batch, the logits differ, or ops
            that are not allowed have no GPU kernel.
    """
    check_backend()
    image_shape = resolve_image_shape(model, image_shape)
    check_float_input(model)
    if classes is not None:
        classes = as_class_names(classes)
    source = SeedSource(seed)
    path = local_folder(path)
    if set("*?[") & set(str(path)):
        raise ValueError(
            "TensorFlow reads a path with *, ? or [ in it as a pattern. "
            f"Received: path={str(path)!r}"
        )
    if signatures is None:
        marked = explanation(model) is not None
        signatures = (*SERVED, "explain") if marked else SERVED
    with staged_version(path, version, overwrite=overwrite) as directory:
        pixels = _probe_pixels(image_shape)
        with seeds_from(SeedSource(_PROBE_SEED)):
            # Makes what a model makes at its first call. A trace that made
            # variables would run twice, and number its draws anew.
            logits_of(model, pixels[:1] * PIXEL_SCALE)
        with folded(model, fold_batch_norm) as folds:
            functions = build_signatures(
                model,
                source,
                image_shape=image_shape,
                names=signatures,
                classes=classes,
                check_pixels=check_pixels,
            )
        _check_draws(model, source)
        check_seed = _PROBE_SEED if seed is None else seed
        expected = _expected(model, pixels, check_seed, signatures)
        cpu_only = {}
        for name, function in functions.items():
            graph = function.graph.as_graph_def()
            check_graph(graph)
            cpu_only[name] = cpu_only_ops(graph)
            if name != "serving_bytes":  # It calls `serving_default`.
                _check_placement(model, name, cpu_only[name], allow_cpu_ops)
        if tolerance is None:
            tolerance = _tolerance(model)
        if not source.draws and (served := set(signatures) & set(SERVED)):
            check_rows(
                _logits_one_by_one(model, pixels, check_seed),
                expected[served.pop()]["logits"],
                tolerance=tolerance,
            )
        functions = {name: functions[name] for name in signatures}
        requests = _requests(pixels, signatures, check_seed)
        sample = _requests(pixels[:1], signatures, check_seed)
        # The shorter body, if there is a choice, and one that asks for logits.
        choices = ("serving_bytes", "serving_default", *signatures)
        shown = next(name for name in choices if name in sample)
        with writing_to(path):
            _write(functions, directory)
            write_request(directory, shown, sample[shown])
            if classes is not None:
                write_classes(directory, classes)
            if warmup:
                write_warmup(directory, path.name, sample)
        difference = max_logit_difference(
            directory,
            requests,
            expected,
            seed=check_seed,
            tolerance=tolerance,
        )
        size = sum(
            file.stat().st_size
            for file in directory.rglob("*")
            if file.is_file()
        )
    return ExportReport(
        path=path / str(version),
        version=version,
        size_bytes=size,
        signatures={
            name: {
                "inputs": {
                    spec.name: _describe(spec)
                    for spec in function.structured_input_signature[0]
                },
                "outputs": {
                    key: _describe(spec)
                    for key, spec in function.structured_outputs.items()
                },
            }
            for name, function in functions.items()
        },
        max_abs_difference=difference,
        stochastic=source.draws > 0,
        seed=seed,
        cpu_only_ops={name: cpu_only[name] for name in functions},
        folded=len(folds),
    )


def _check_draws(model: keras.Model, source: SeedSource) -> None:
    """Refuses noise that was drawn while tracing, and so is a constant."""
    stochastic = [layer.name for layer in stochastic_layers(model)]
    if stochastic and not source.draws:
        raise ValueError(
            "A stochastic layer must draw from a "
            "`keras.random.SeedGenerator` when it predicts, else its noise "
            f"is frozen into the export. Received: layers={stochastic}"
        )


def _tolerance(model: keras.Model) -> float:
    """Returns the difference to allow, by how coarsely a model rounds."""
    tf32 = tf.config.experimental.tensor_float_32_execution_enabled()
    coarse = tf32 and bool(tf.config.list_physical_devices("GPU"))
    for layer in all_layers(model):
        coarse |= isinstance(layer, JPEG) or layer.compute_dtype in _HALF
        coarse |= getattr(layer, "quantization_mode", None) is not None
    return 1e-2 if coarse else 1e-4


def _check_placement(model, name, cpu_only, allowed) -> None:
    """Refuses what a server with a GPU would run in part on the CPU."""
    refused = {op: n for op, n in cpu_only.items() if op not in allowed}
    if not refused:
        return
    codecs = [
        layer.name
        for layer in all_layers(model)
        if getattr(layer, "codec", None) == "libjpeg"
    ]
    advice = (
        f"Build the layers {codecs} with codec='dct', which every device "
        "runs, and export that. "
        if codecs
        else ""
    )
    raise ValueError(
        f"The ops of `{name}` must have GPU kernels for their types, or be "
        f"allowed by `allow_cpu_ops`. {advice}Received: ops={refused}"
    )


def _write(functions, directory: pathlib.Path) -> None:
    module = tf.Module()
    module.weights = [v for f in functions.values() for v in f.variables]
    tf.saved_model.save(module, str(directory), signatures=functions)


def _probe_pixels(image_shape: tuple[int, int, int]) -> np.ndarray:
    """Returns 8-bit images of flat patches, which PNG packs well.

    A corner is black, so that it can be served as a transparent one.
    """
    height, width, channels = image_shape
    rows, columns = -(-height // _PATCH), -(-width // _PATCH)
    patches = np.random.default_rng(_PROBE_SEED).integers(
        0, 256, (_PROBES, rows, columns, channels), dtype=np.uint8
    )
    pixels = patches.repeat(_PATCH, axis=1).repeat(_PATCH, axis=2)
    pixels[:, : height // 3, : width // 3] = 0
    return pixels[:, :height, :width]


def _requests(
    pixels: np.ndarray, signatures: Sequence[str], seed: int
) -> dict[str, dict[str, np.ndarray]]:
    files = [tf.io.encode_png(pixels[0]).numpy()] + [
        _transparent_png(image) for image in pixels[1:]
    ]
    image = {IMAGE: pixels * PIXEL_SCALE}
    requests = {
        "serving_default": image,
        "serving_bytes": {IMAGE_BYTES: np.array(files, object)},
        "explain": image,
        "seeded": {**image, SEED: np.full(len(pixels), seed, "int64")},
    }
    return {name: requests[name] for name in signatures}


def _transparent_png(image: np.ndarray) -> bytes:
    """Encodes an image, all that is black in it being transparent white."""
    if image.shape[-1] < 4:
        opaque = image.any(axis=-1, keepdims=True)
        colours = np.broadcast_to(image, (*image.shape[:2], 3))
        colours = np.where(opaque, colours, np.uint8(255))
        image = np.concatenate([colours, opaque * np.uint8(255)], axis=-1)
    return tf.io.encode_png(image).numpy()


def _expected(
    model: keras.Model, pixels: np.ndarray, seed: int, names: Sequence[str]
) -> dict[str, dict[str, np.ndarray]]:
    """Returns what Keras gives on the requests, by signature and output."""
    expected = {}
    if "explain" in names:
        parts = _run_seeded(
            lambda image: parts_of(explanation(model), image), pixels, seed
        )
        expected["explain"] = {k: v.numpy() for k, v in parts.items()}
    if "seeded" in names:
        rows = _logits_one_by_one(model, pixels, seed)
        expected["seeded"] = {"logits": rows}
    if set(names) & set(SERVED):
        logits = {"logits": _keras_logits(model, pixels, seed)}
        expected |= dict.fromkeys(SERVED, logits)
    return expected


def _logits_one_by_one(model, pixels: np.ndarray, seed: int) -> np.ndarray:
    """Returns logits as each image has them in a batch of its own."""
    rows = [_keras_logits(model, row[None], seed) for row in pixels]
    return np.concatenate(rows)


def _keras_logits(model, pixels: np.ndarray, seed: int) -> np.ndarray:
    logits = _run_seeded(
        lambda image: logits_of(model, image), pixels, seed
    ).numpy()
    if are_probabilities(logits):
        raise ValueError(
            "`model` must return logits: take the softmax at its end away. "
            f"Received: {model.name}, whose outputs are probabilities"
        )
    return logits


def _run_seeded(function, pixels: np.ndarray, seed: int):
    image = tf.constant(pixels * PIXEL_SCALE)
    traced = tf.function(function, autograph=False)
    with seeds_from(SeedSource(seed)):
        concrete = traced.get_concrete_function(image)
    return concrete(image)


def _describe(spec) -> str:
    sizes = ["?" if size is None else str(size) for size in spec.shape]
    return f"{spec.dtype.name}[{','.join(sizes)}]"
