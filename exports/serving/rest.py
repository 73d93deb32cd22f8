"""TensorFlow Serving's REST API and KServe v2 over HTTP."""

import base64
import json
from collections.abc import Mapping
from urllib.parse import quote

import numpy as np

from zoo.exports.serving.address import Address
from zoo.exports.serving.backend import Signature
from zoo.exports.serving.backend import Tensor
from zoo.exports.serving.backend import check_answered
from zoo.exports.serving.backend import shaped
from zoo.exports.serving.calls import Deadline
from zoo.exports.serving.calls import ServingError
from zoo.exports.serving.calls import reading
from zoo.exports.serving.http_transport import Http
from zoo.exports.serving.kserve_tensors import datatype_of
from zoo.exports.serving.kserve_tensors import named_once
from zoo.exports.serving.kserve_tensors import tensor_of
from zoo.exports.serving.kserve_tensors import to_raw

_DTYPES = {
    "DT_FLOAT": "float32",
    "DT_DOUBLE": "float64",
    "DT_INT32": "int32",
    "DT_INT64": "int64",
    "DT_BOOL": "bool",
    "DT_STRING": "bytes",
}


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
        self._http = Http(address, headers, certificates)
        self._model = f"/v1/models/{quote(address.model, safe='')}"
        self._chosen = self._model
        if address.version is not None:
            self._chosen += f"/versions/{address.version}"
        elif address.label is not None:
            self._chosen += f"/labels/{address.label}"

    def signatures(self, deadline: Deadline) -> dict[str, Signature]:
        answer = self._http.send("GET", f"{self._chosen}/metadata", deadline)
        with reading("signatures, as TensorFlow Serving's metadata"):
            found = answer["metadata"]["signature_def"]["signature_def"]
            return {
                name: Signature(
                    _json_tensors(one.get("inputs", {})),
                    _json_tensors(one.get("outputs", {})),
                )
                for name, one in found.items()
                if not name.startswith("__")
            }

    def versions(self, deadline: Deadline) -> dict[str, str]:
        answer = self._http.send("GET", self._model, deadline)
        with reading("the states of versions"):
            return {
                str(status["version"]): str(status.get("state", "UNKNOWN"))
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
        self._http = Http(address, headers, certificates)
        self._address = address
        self._model = f"/v2/models/{quote(address.model, safe='')}"
        self._chosen = self._model
        if address.version is not None:
            self._chosen += f"/versions/{quote(address.version, safe='')}"
        self._binary = None

    def signatures(self, deadline: Deadline) -> dict[str, Signature]:
        answer = self._http.send("GET", self._chosen, deadline)
        server = self._http.send("GET", "/v2", deadline)
        with reading("inputs and outputs, as KServe's metadata"):
            self._binary = "binary_tensor_data" in server.get("extensions", ())
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

    def versions(self, deadline: Deadline) -> dict[str, str]:
        answer = self._http.send("GET", self._model, deadline)
        with reading("the names of versions"):
            versions = map(str, answer.get("versions", ()))
            return dict.fromkeys(versions, "AVAILABLE")

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
        with reading("outputs, as KServe's"):
            check_answered(
                self._address,
                answer.get("model_name"),
                answer.get("model_version"),
            )
            return named_once(
                (
                    one["name"],
                    shaped(
                        one["data"],
                        tensor_of(one["datatype"], one["shape"]),
                        one["name"],
                    ).reshape(one["shape"]),
                )
                for one in answer["outputs"]
            )

    def close(self) -> None:
        self._http.close()


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
