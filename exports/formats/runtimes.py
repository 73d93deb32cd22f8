"""The formats that models are converted to, and the runtimes that run them."""

import importlib
import pathlib
import secrets
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

Predict = Callable[[np.ndarray], np.ndarray]


class Format(NamedTuple):
    """A format of files.

    Args:
        file: Name of the file to load, as Triton and OpenVINO Model Server
            look for it.
        packages: Modules that write and run it.
        extra: This package's extra that installs them.
        load: Loads a file, for a number of threads, 0 for the runtime's own.
    """

    file: str
    packages: tuple[str, ...]
    extra: str
    load: Callable[[pathlib.Path, int], Predict]


def _load_onnx(path: pathlib.Path, threads: int) -> Predict:
    import onnxruntime

    # Else all sessions of a process would draw the same numbers.
    onnxruntime.set_seed(secrets.randbits(31))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        path, options, providers=["CPUExecutionProvider"]
    )
    (image,) = session.get_inputs()
    return lambda images: session.run(None, {image.name: images})[0]


def _load_openvino(path: pathlib.Path, threads: int) -> Predict:
    import openvino

    # Without the hint, it calculates in bfloat16 where the processor can.
    options = {"INFERENCE_PRECISION_HINT": "f32"}
    if threads:
        options["INFERENCE_NUM_THREADS"] = threads
    compiled = openvino.Core().compile_model(path, "CPU", options)
    return lambda images: np.array(compiled(images)[0])


def _load_litert(path: pathlib.Path, threads: int) -> Predict:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=threads or None)
    runner = interpreter.get_signature_runner()
    (image,) = runner.get_input_details()

    def predict(images):
        (logits,) = runner(**{image: images}).values()
        return np.array(logits)

    return predict


FORMATS = {
    "onnx": Format(
        "model.onnx", ("onnx", "tf2onnx", "onnxruntime"), "onnx", _load_onnx
    ),
    "openvino": Format("model.xml", ("openvino",), "openvino", _load_openvino),
    "litert": Format(
        "model.tflite", ("ai_edge_litert",), "litert", _load_litert
    ),
}
INT8 = Format("model.xml", ("openvino", "nncf"), "int8", _load_openvino)
"""OpenVINO's, with weights and activations of 8 bits."""


def check_installed(kind: Format) -> None:
    """Raises an `ImportError` if a module of a format is missing."""
    for package in kind.packages:
        try:
            importlib.import_module(package)
        except ImportError as error:
            raise ImportError(
                f"{kind.file} needs `{package}`: pip install "
                f'"defense-zoo[{kind.extra}]".'
            ) from error


def load_converted(
    path: pathlib.Path, name: str, *, threads: int = 0
) -> Predict:
    """Loads what `zoo.exports.convert` wrote, on the CPU.

    Args:
        path: The version's folder.
        name: `"onnx"`, `"openvino"` or `"litert"`.
        threads: Threads within an operation; 0 leaves it to the runtime.

    Returns:
        A function from float32 images, `(batch, height, width, channels)`,
        pixels in [0, 1], to float32 logits.

    Raises:
        FileNotFoundError: If the folder has no file of the format.
        ImportError: If the runtime is not installed.
        ValueError: If there is no such format, or the runtime cannot read the
            file.
    """
    if name not in tuple(FORMATS):
        raise ValueError(
            f"The format must be one of {', '.join(FORMATS)}. "
            f"Received: format={name!r}"
        )
    kind = FORMATS[name]
    check_installed(kind)
    file = pathlib.Path(path, kind.file)
    if not file.is_file():
        raise FileNotFoundError(
            "`path` must be a version's folder, such as the `path` of "
            f"`convert`'s report. Received: {path}, without {kind.file}"
        )
    try:
        return kind.load(file, threads)
    except Exception as error:  # Runtimes raise many kinds.
        raise ValueError(
            f"{kind.file} must be a file that {name} reads. Received: {path} "
            f"({' '.join(str(error).split())[:300]})"
        ) from error
