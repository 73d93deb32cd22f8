"""TensorFlow Serving's REST API and KServe v2 over HTTP."""

import base64
import json
from collections.abc import Mapping
from urllib.parse import quote

import numpy as np
import urllib3

from zoo.exports.serving.address import Address
from zoo.exports.serving.backend import Signature
from zoo.exports.serving.backend import Tensor
from zoo.exports.serving.backend import shaped
from zoo.exports.serving.calls import Deadline
from zoo.exports.serving.calls import ServingError
from zoo.exports.serving.calls import UnavailableError
from zoo.exports.serving.calls import failure

_CODES = {
    400: "INVALID_ARGUMENT",
    404: "NOT_FOUND",
    413: "INVALID_ARGUMENT",
    422: "INVALID_ARGUMENT",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
"""HTTP's statuses as gRPC's, as TensorFlow Serving's `http_server.cc`."""

_DTYPES = {
    "DT_FLOAT": "float32",
    "DT_DOUBLE": "float64",
    "DT_INT32": "int32",
    "DT_INT64": "int64",
    "DT_BOOL": "bool",
    "DT_STRING": "bytes",
}
DATATYPES = {
    "FP32": "float32",
    "FP64": "float64",
    "INT32": "int32",
    "INT64": "int64",
    "BOOL": "bool",
    "BYTES": "bytes",
}
"""KServe's types by NumPy's names."""

_CHUNK = 1 << 16
_UNREACHABLE = (
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.ProtocolError,
    urllib3.exceptions.ProxyError,
)
"""What may pass; the first is one of urllib3's timeouts, too."""


class _Http:
    """Sends requests to one host and turns what fails into our errors."""

    def __init__(self, address: Address, headers, certificates):
        self._root = f"{address.scheme}://{address.host}{address.prefix}"
        self._headers = dict(headers)
        self._pool = urllib3.PoolManager(
            maxsize=64, retries=False, ca_certs=certificates
        )

    def send(
        self,
        method: str,
        path: str,
        deadline: Deadline,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict:
        """Returns the JSON object of the answer."""
        try:
            response = self._pool.request(
                method,
                self._root + path,
                body=body,
                headers={**self._headers, **(headers or {})},
                timeout=urllib3.Timeout(total=deadline.left()),
                preload_content=False,
                redirect=False,
            )
            try:
                content = self._read(response, deadline)
            except BaseException:
                response.close()
                raise
            response.release_conn()
        except urllib3.exceptions.HTTPError as error:
            if isinstance(error, _UNREACHABLE):
                raise UnavailableError(
                    f"The server must be reachable. Received: {error}"
                ) from error
            if isinstance(error, urllib3.exceptions.TimeoutError):
                raise deadline.error() from error
            raise ServingError(
                "The address, the headers and the server's certificate must "
                f"be right. Received: {error}"
            ) from error
        if response.status != 200:
            raise self._failure(response, content)
        try:
            answer = json.loads(content)
        except ValueError as error:
            raise ServingError(
                "The server must answer in JSON; is it a model server? "
                f"Received: {content[:80]!r}"
            ) from error
        if not isinstance(answer, dict):
            raise ServingError(
                f"The answer must be a JSON object. Received: {content[:80]!r}"
            )
        return answer

    def close(self) -> None:
        self._pool.clear()

    @staticmethod
    def _read(response, deadline: Deadline) -> bytes:
        """Reads all of an answer, however slowly it drips, in time."""
        content = bytearray()
        while chunk := response.read1(_CHUNK):
            content += chunk
            deadline.left()
        return bytes(content)

    @staticmethod
    def _failure(response, content: bytes) -> ServingError:
        message = content.decode(errors="replace").strip()
        try:
            message = str(json.loads(message)["error"])
        except (KeyError, TypeError, ValueError):
            pass  # A proxy's page, or nothing.
        message = message or response.reason or "nothing"
        code = _CODES.get(response.status, f"HTTP status {response.status}")
        wait = response.headers.get("Retry-After", "")
        return failure(
            code,
            message,
            retry_after=float(wait) if wait.isdecimal() else None,
        )


class TensorFlowRest:
    """A model of TensorFlow Serving behind its REST API.

    Args:
        address: Of the model.
        headers: Sent with each request.
        certificates: File of trusted certificates; `None` for the system's.

    Reference: [RESTful API](https://www.tensorflow.org/tfx/serving/api_rest)
    """

    def __init__(
        self,
        address: Address,
        headers: Mapping[str, str],
        certificates: str | None,
    ):
        self._http = _Http(address, headers, certificates)
        self._model = f"/v1/models/{quote(address.model, safe='')}"
        self._chosen = self._model
        if address.version is not None:
            self._chosen += f"/versions/{address.version}"
        elif address.label is not None:
            self._chosen += f"/labels/{address.label}"

    def signatures(self, deadline: Deadline) -> dict[str, Signature]:
        answer = self._http.send("GET", f"{self._chosen}/metadata", deadline)
        try:
            found = answer["metadata"]["signature_def"]["signature_def"]
            return {
                name: Signature(
                    _json_tensors(one.get("inputs", {})),
                    _json_tensors(one.get("outputs", {})),
                )
                for name, one in found.items()
                if not name.startswith("__")
            }
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ServingError(
                "The metadata must have signatures, as TensorFlow Serving's. "
                f"Received: {error!r}"
            ) from error

    def versions(self, deadline: Deadline) -> dict[str, str]:
        answer = self._http.send("GET", self._model, deadline)
        return {
            str(status["version"]): status.get("state", "UNKNOWN")
            for status in answer.get("model_version_status", ())
        }

    def run(
        self,
        name: str,
        signature: Signature,
        inputs: Mapping[str, np.ndarray],
        deadline: Deadline,
    ) -> dict[str, np.ndarray]:
        body = {
            "signature_name": name,
            "inputs": {key: _to_json(value) for key, value in inputs.items()},
        }
        outputs = self._http.send(
            "POST",
            f"{self._chosen}:predict",
            deadline,
            body=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        ).get("outputs")
        named = _named(outputs, signature)
        if named is None:  # Another version may have come up since.
            signature = self.signatures(deadline).get(name, signature)
            named = _named(outputs, signature)
        if named is None:
            raise ServingError(
                "The answer must have the outputs that the metadata name, "
                f"{sorted(signature.outputs)}. "
                f"Received: outputs={str(outputs)[:80]}"
            )
        return {
            key: shaped(value, signature.outputs[key], key)
            for key, value in named.items()
        }

    def close(self) -> None:
        self._http.close()


class KServeRest:
    """A model behind KServe's Open Inference Protocol, v2, over HTTP.

    Tensors go as bytes behind the JSON where the server says that it takes
    them so (`binary_tensor_data`, as Triton does), which is exact and short.
    Else they go as JSON, and pictures in base 64, as MLServer takes them.

    Args:
        address: Of the model.
        headers: Sent with each request.
        certificates: File of trusted certificates; `None` for the system's.

    Reference: [Open Inference Protocol](
    https://github.com/kserve/open-inference-protocol)
    """

    def __init__(
        self,
        address: Address,
        headers: Mapping[str, str],
        certificates: str | None,
    ):
        self._http = _Http(address, headers, certificates)
        self._model = f"/v2/models/{quote(address.model, safe='')}"
        self._chosen = self._model
        if address.version is not None:
            self._chosen += f"/versions/{quote(address.version, safe='')}"
        self._binary = None

    def signatures(self, deadline: Deadline) -> dict[str, Signature]:
        answer = self._http.send("GET", self._chosen, deadline)
        server = self._http.send("GET", "/v2", deadline)
        self._binary = "binary_tensor_data" in server.get("extensions", ())
        try:
            return {
                "": Signature(
                    *(
                        {
                            one["name"]: tensor_of(
                                one["datatype"], one["shape"]
                            )
                            for one in answer[side]
                        }
                        for side in ("inputs", "outputs")
                    )
                )
            }
        except (KeyError, TypeError) as error:
            raise ServingError(
                "The metadata must have inputs and outputs, as KServe's. "
                f"Received: {error!r}"
            ) from error

    def versions(self, deadline: Deadline) -> dict[str, str]:
        answer = self._http.send("GET", self._model, deadline)
        return dict.fromkeys(map(str, answer.get("versions", ())), "AVAILABLE")

    def run(
        self,
        name: str,
        signature: Signature,
        inputs: Mapping[str, np.ndarray],
        deadline: Deadline,
    ) -> dict[str, np.ndarray]:
        described, raw = [], []
        for key, value in inputs.items():
            tensor = {
                "name": key,
                "shape": list(value.shape),
                "datatype": datatype_of(value),
            }
            if self._binary:
                raw.append(to_raw(value))
                tensor["parameters"] = {"binary_data_size": len(raw[-1])}
            elif value.dtype == object:
                tensor["parameters"] = {"content_type": "base64"}
                tensor["data"] = [
                    base64.b64encode(one).decode() for one in value.flat
                ]
            else:
                tensor["data"] = value.ravel().tolist()
            described.append(tensor)
        head = json.dumps({"inputs": described}).encode()
        headers = {"Content-Type": "application/json"}
        if self._binary:
            headers = {
                "Content-Type": "application/octet-stream",
                "Inference-Header-Content-Length": str(len(head)),
            }
        answer = self._http.send(
            "POST",
            f"{self._chosen}/infer",
            deadline,
            body=b"".join([head, *raw]),
            headers=headers,
        )
        try:
            return {
                one["name"]: shaped(
                    one["data"],
                    tensor_of(one["datatype"], one["shape"]),
                    one["name"],
                ).reshape(one["shape"])
                for one in answer["outputs"]
            }
        except (KeyError, TypeError, ValueError) as error:
            raise ServingError(
                "The answer must have outputs, as KServe's. "
                f"Received: {error!r}"
            ) from error

    def close(self) -> None:
        self._http.close()


def tensor_of(datatype: str, shape: object) -> Tensor:
    """Returns what KServe's metadata say of a tensor."""
    return Tensor(
        DATATYPES.get(datatype, datatype),
        tuple(None if int(n) < 0 else int(n) for n in shape),
    )


def datatype_of(array: np.ndarray) -> str:
    """Returns KServe's name of an array's type."""
    name = "bytes" if array.dtype == object else array.dtype.name
    return next(key for key, value in DATATYPES.items() if value == name)


def to_raw(array: np.ndarray) -> bytes:
    """Returns an array's bytes as KServe's protocol packs them.

    Each string has its length in front, in four bytes, the smallest first.
    """
    if array.dtype != object:
        return array.astype(array.dtype.newbyteorder("<")).tobytes()
    return b"".join(len(s).to_bytes(4, "little") + s for s in array.ravel())


def _named(outputs: object, signature: Signature) -> dict | None:
    """Returns an answer's outputs by name; nothing if they aren't its own."""
    keys = signature.outputs.keys()
    if len(keys) == 1 and not isinstance(outputs, dict):
        return dict.fromkeys(keys, outputs)  # It comes without its name.
    own = isinstance(outputs, dict) and outputs.keys() == keys
    return outputs if own else None


def _json_tensors(described: Mapping) -> dict[str, Tensor]:
    """Reads `TensorInfo` messages in protobuf's JSON."""
    tensors = {}
    for name, info in described.items():
        dims = info["tensor_shape"].get("dim", ())
        sizes = (int(dim.get("size", 0)) for dim in dims)
        tensors[name] = Tensor(
            _DTYPES.get(info["dtype"], info["dtype"]),
            tuple(None if size < 0 else size for size in sizes),
        )
    return tensors


def _to_json(array: np.ndarray) -> list:
    if array.dtype == object:
        return [{"b64": base64.b64encode(one).decode()} for one in array]
    return array.tolist()
