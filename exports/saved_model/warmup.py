"""Files beside a SavedModel that TensorFlow Serving and its users read."""

import base64
import json
import os
import pathlib
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

WARMUP_FILE = "assets.extra/tf_serving_warmup_requests"
REQUEST_FILE = "assets.extra/predict_request.json"

Requests = Mapping[str, Mapping[str, np.ndarray]]


def write_warmup(
    directory: str | os.PathLike, model_name: str, requests: Requests
) -> None:
    """Writes requests that TensorFlow Serving replays as it loads a model.

    The first call of each signature would else pay for memory, kernels
    and graph optimisation.

    Args:
        directory: A SavedModel.
        requests: For each signature its inputs by name.

    Reference: [SavedModel warmup](
    https://www.tensorflow.org/tfx/serving/saved_model_warmup)
    """
    path = pathlib.Path(directory, WARMUP_FILE)
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature, inputs in requests.items():
            writer.write(_prediction_log(model_name, signature, inputs))


def write_request(
    directory: str | os.PathLike,
    signature: str,
    inputs: Mapping[str, np.ndarray],
) -> None:
    """Writes the body of a `POST /v1/models/<name>:predict` request.

    Args:
        directory: A SavedModel.
        inputs: One batch for each input; each row is an instance.
    """
    path = pathlib.Path(directory, REQUEST_FILE)
    path.parent.mkdir(exist_ok=True)
    rows = zip(*inputs.values(), strict=True)
    body = {
        "signature_name": signature,
        "instances": [
            {key: _json_value(v) for key, v in zip(inputs, row, strict=True)}
            for row in rows
        ],
    }
    path.write_text(json.dumps(body) + "\n", encoding="utf-8")


def _json_value(value):
    if isinstance(value, bytes):
        return {"b64": base64.b64encode(value).decode("ascii")}
    if np.issubdtype(value.dtype, np.integer):
        return value.tolist()
    return np.round(value.astype("float64"), 4).tolist()


def _prediction_log(model_name, signature, inputs) -> bytes:
    """Serialises a `tensorflow.serving.PredictionLog`.

    Written by hand from `prediction_log.proto`, `predict.proto` and
    `model.proto` (tensorflow/serving), whose Python package pulls in gRPC.
    """
    model_spec = _field(1, model_name.encode()) + _field(3, signature.encode())
    request = _field(1, model_spec)
    for key, value in inputs.items():
        tensor = tf.make_tensor_proto(value).SerializeToString()
        request += _field(2, _field(1, key.encode()) + _field(2, tensor))
    predict_log = _field(1, request)
    return _field(6, predict_log)


def _field(number: int, payload: bytes) -> bytes:
    """Encodes a length-delimited protocol buffer field."""
    return _varint(number << 3 | 2) + _varint(len(payload)) + payload


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
