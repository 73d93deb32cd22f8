"""TensorFlow Serving's services and KServe v2 over gRPC."""

import math
import re
from collections.abc import Mapping
from pathlib import Path

import grpc
import numpy as np
from google.protobuf.message import DecodeError

from zoo.exports.serving.address import Address
from zoo.exports.serving.backend import Signature
from zoo.exports.serving.backend import Tensor
from zoo.exports.serving.backend import check_answered
from zoo.exports.serving.backend import shaped
from zoo.exports.serving.calls import LARGEST_ANSWER
from zoo.exports.serving.calls import Deadline
from zoo.exports.serving.calls import ServingError
from zoo.exports.serving.calls import failure
from zoo.exports.serving.calls import reading
from zoo.exports.serving.kserve_tensors import datatype_of
from zoo.exports.serving.kserve_tensors import from_raw
from zoo.exports.serving.kserve_tensors import named_once
from zoo.exports.serving.kserve_tensors import tensor_of
from zoo.exports.serving.kserve_tensors import to_raw
from zoo.exports.serving.messages import messages

_DTYPES = {
    1: ("float32", "float_val"),
    2: ("float64", "double_val"),
    3: ("int32", "int_val"),
    7: ("bytes", "string_val"),
    9: ("int64", "int64_val"),
    10: ("bool", "bool_val"),
}
"""TensorFlow's types: NumPy's name, and the field of the values."""

_CONTENTS = {
    "float32": "fp32_contents",
    "float64": "fp64_contents",
    "int32": "int_contents",
    "int64": "int64_contents",
    "bool": "bool_contents",
    "bytes": "bytes_contents",
}
_STATES = {
    0: "UNKNOWN",
    10: "START",
    20: "LOADING",
    30: "AVAILABLE",
    40: "UNLOADING",
    50: "END",
}
_OPTIONS = (
    ("grpc.enable_retries", 0),  # `calls.call` retries.
    ("grpc.lb_policy_name", "round_robin"),  # Over all of a name's addresses.
    ("grpc.max_receive_message_length", LARGEST_ANSWER),
    ("grpc.max_send_message_length", -1),
)

_LARGEST_OUTPUT = LARGEST_ANSWER // 4
"""Values of an output, where one may stand for many."""

_NO_TRUST = re.compile(
    "CERTIFICATE_VERIFY_FAILED|WRONG_VERSION_NUMBER"
    "|Hostname Verification Check failed|is not in peer certificate"
)
"""What gRPC says of a certificate that isn't trusted, of a server without
encryption, and of another host's certificate; its status is "unavailable"."""


class _Channel:
    """Calls methods of one host and turns what fails into our errors."""

    def __init__(self, address: Address, headers, certificates):
        self._metadata = tuple((k.lower(), v) for k, v in headers.items())
        if address.secure:
            roots = certificates and Path(certificates).read_bytes()
            self._channel = grpc.secure_channel(
                address.host,
                grpc.ssl_channel_credentials(roots or None),
                options=_OPTIONS,
            )
        else:
            self._channel = grpc.insecure_channel(
                address.host, options=_OPTIONS
            )

    def call(self, method: str, request, response, deadline: Deadline):
        """Returns the message that answers.

        Args:
            method: `"package.Service/Method"`.
            request: Message to send.
            response: Class of the answer.
        """
        invoke = self._channel.unary_unary(
            f"/{method}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=response.FromString,
        )
        try:
            return invoke(
                request, timeout=deadline.left(), metadata=self._metadata
            )
        except grpc.RpcError as error:
            details = error.details() or ""
            if _NO_TRUST.search(details):
                raise ServingError(
                    "The address and the server's certificate must be right. "
                    f"Received: {details}"
                ) from error
            raise failure(error.code().name, details) from error

    def close(self) -> None:
        self._channel.close()


class TensorFlowGrpc:
    """A model of TensorFlow Serving behind its gRPC services.

    Args:
        address: Of the model.
        headers: Sent as metadata with each call.
        certificates: File of trusted certificates; `None` for gRPC's own.

    Reference: `prediction_service.proto` and `model_service.proto` of
        tensorflow/serving
    """

    def __init__(
        self,
        address: Address,
        headers: Mapping[str, str],
        certificates: str | None,
    ):
        self._channel = _Channel(address, headers, certificates)
        self._address = address

    def signatures(self, deadline: Deadline) -> dict[str, Signature]:
        kinds = messages()
        answer = self._channel.call(
            "tensorflow.serving.PredictionService/GetModelMetadata",
            kinds.GetModelMetadataRequest(
                model_spec=self._spec(), metadata_field=["signature_def"]
            ),
            kinds.GetModelMetadataResponse,
            deadline,
        )
        if "signature_def" not in answer.metadata:
            raise ServingError(
                "The metadata must have signatures, as TensorFlow Serving's. "
                f"Received: {sorted(answer.metadata)}"
            )
        packed = answer.metadata["signature_def"].value
        try:
            found = kinds.SignatureDefMap.FromString(packed).signature_def
        except DecodeError as error:
            raise ServingError(
                "The metadata must hold TensorFlow's signatures. "
                f"Received: {error}"
            ) from error
        return {
            name: Signature(_tensors(one.inputs), _tensors(one.outputs))
            for name, one in found.items()
            if not name.startswith("__")
        }

    def versions(self, deadline: Deadline) -> dict[str, str]:
        kinds = messages()
        answer = self._channel.call(
            "tensorflow.serving.ModelService/GetModelStatus",
            kinds.GetModelStatusRequest(
                model_spec=kinds.ModelSpec(name=self._address.model)
            ),
            kinds.GetModelStatusResponse,
            deadline,
        )
        return {
            str(status.version): _STATES.get(status.state, "UNKNOWN")
            for status in answer.model_version_status
        }

    def run(
        self,
        name: str,
        signature: Signature,
        inputs: Mapping[str, np.ndarray],
        deadline: Deadline,
    ) -> dict[str, np.ndarray]:
        kinds = messages()
        request = kinds.PredictRequest(model_spec=self._spec(name))
        for key, value in inputs.items():
            _pack(request.inputs[key], value)
        answer = self._channel.call(
            "tensorflow.serving.PredictionService/Predict",
            request,
            kinds.PredictResponse,
            deadline,
        )
        spec = answer.model_spec
        version = spec.version.value if spec.HasField("version") else None
        check_answered(self._address, spec.name, version)
        return {
            key: _unpack(tensor, key) for key, tensor in answer.outputs.items()
        }

    def close(self) -> None:
        self._channel.close()

    def _spec(self, signature: str = ""):
        kinds = messages()
        address = self._address
        version = address.version
        return kinds.ModelSpec(
            name=address.model,
            version=None
            if version is None
            else kinds.Int64Value(value=int(version)),
            version_label=address.label,
            signature_name=signature,
        )


class KServeGrpc:
    """A model behind KServe's Open Inference Protocol, v2, over gRPC.

    Args:
        address: Of the model.
        headers: Sent as metadata with each call.
        certificates: File of trusted certificates; `None` for gRPC's own.

    Reference: [Open Inference Protocol](
    https://github.com/kserve/open-inference-protocol)
    """

    def __init__(
        self,
        address: Address,
        headers: Mapping[str, str],
        certificates: str | None,
    ):
        self._channel = _Channel(address, headers, certificates)
        self._address = address

    def signatures(self, deadline: Deadline) -> dict[str, Signature]:
        answer = self._metadata(self._address.version or "", deadline)
        return {
            "": Signature(
                *(
                    {t.name: tensor_of(t.datatype, t.shape) for t in tensors}
                    for tensors in (answer.inputs, answer.outputs)
                )
            )
        }

    def versions(self, deadline: Deadline) -> dict[str, str]:
        answer = self._metadata("", deadline)
        return dict.fromkeys(answer.versions, "AVAILABLE")

    def run(
        self,
        name: str,
        signature: Signature,
        inputs: Mapping[str, np.ndarray],
        deadline: Deadline,
    ) -> dict[str, np.ndarray]:
        kinds = messages()
        request = kinds.ModelInferRequest(
            model_name=self._address.model,
            model_version=self._address.version or "",
            inputs=[
                kinds.InferTensor(
                    name=key, datatype=datatype_of(value), shape=value.shape
                )
                for key, value in inputs.items()
            ],
            raw_input_contents=[to_raw(value) for value in inputs.values()],
        )
        answer = self._channel.call(
            "inference.GRPCInferenceService/ModelInfer",
            request,
            kinds.ModelInferResponse,
            deadline,
        )
        check_answered(self._address, answer.model_name, answer.model_version)
        raw = answer.raw_output_contents
        with reading("the bytes of each output, or of none"):
            return named_once(
                (tensor.name, _from_kserve(tensor, raw[n] if raw else None))
                for n, tensor in enumerate(answer.outputs)
            )

    def close(self) -> None:
        self._channel.close()

    def _metadata(self, version: str, deadline: Deadline):
        kinds = messages()
        return self._channel.call(
            "inference.GRPCInferenceService/ModelMetadata",
            kinds.ModelMetadataRequest(
                name=self._address.model, version=version
            ),
            kinds.ModelMetadataResponse,
            deadline,
        )


def _tensors(described) -> dict[str, Tensor]:
    """Reads `TensorInfo` messages."""
    return {
        name: Tensor(
            _DTYPES.get(info.dtype, (f"type {info.dtype}",))[0],
            tuple(
                None if dim.size < 0 else dim.size
                for dim in info.tensor_shape.dim
            ),
        )
        for name, info in described.items()
    }


def _pack(message, array: np.ndarray) -> None:
    """Writes an array into a `Tensor` message."""
    name = "bytes" if array.dtype == object else array.dtype.name
    message.dtype = next(n for n, (kind, _) in _DTYPES.items() if kind == name)
    for size in array.shape:
        message.tensor_shape.dim.add(size=size)
    if name == "bytes":
        message.string_val.extend(array.ravel())
    else:
        message.tensor_content = to_raw(array)


def _unpack(message, name: str) -> np.ndarray:
    """Reads a `Tensor` message, whose last value stands for all that miss."""
    kind, field = _DTYPES.get(message.dtype, (None, None))
    if kind is None:
        raise ServingError(
            f"The output `{name}` must be of one of TensorFlow's types "
            f"{sorted(_DTYPES)}. Received: type {message.dtype}"
        )
    tensor = Tensor(kind, tuple(d.size for d in message.tensor_shape.dim))
    if message.tensor_content and kind != "bytes":
        array = from_raw(message.tensor_content, tensor, name)
    else:
        array = shaped(list(getattr(message, field)), tensor, name)
        missing = _size(tensor.shape, name) - len(array)
        if missing > 0 and len(array):
            array = np.concatenate([array, np.repeat(array[-1:], missing)])
    return _reshaped(array, tensor.shape, name)


def _from_kserve(tensor, raw: bytes | None) -> np.ndarray:
    """Reads an output and, if it lies apart, its bytes."""
    spec = tensor_of(tensor.datatype, tensor.shape)
    if spec.dtype not in _CONTENTS:
        raise ServingError(
            f"The output `{tensor.name}` must be of one of KServe's types "
            f"that the client knows. Received: type {tensor.datatype}"
        )
    if raw is None:
        values = list(getattr(tensor.contents, _CONTENTS[spec.dtype]))
        array = shaped(values, spec, tensor.name)
    else:
        array = from_raw(raw, spec, tensor.name)
    return _reshaped(array, spec.shape, tensor.name)


def _size(shape: tuple, name: str) -> int:
    """Returns how many values a shape has, if an answer can hold as many."""
    valid = all(size is not None and size >= 0 for size in shape)
    size = math.prod(shape) if valid else math.inf
    if size > _LARGEST_OUTPUT:
        raise ServingError(
            f"The output `{name}` must have a shape of at most "
            f"{_LARGEST_OUTPUT} values. Received: {shape!r:.100}"
        )
    return size


def _reshaped(array: np.ndarray, shape: tuple, name: str) -> np.ndarray:
    if array.size != _size(shape, name):
        raise ServingError(
            f"The output `{name}` must have {shape} values. "
            f"Received: {array.size}"
        )
    return array.reshape(shape)
