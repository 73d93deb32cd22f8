"""A double of a KServe v2 server, over the C++ loader.

It reads requests as the Open Inference Protocol and Triton's extension for
binary data say. Real servers are in `test_real_servers`; this one needs no
package of theirs. Each tensor of strings, and each of one number an image, has
rows of one, as Triton's have. `NAME` classifies, pixels or files;
`NAME_explain` and `NAME_seeded` are these signatures.
"""

import base64
import contextlib
import json
import re
import struct
import threading
from concurrent import futures
from http.server import BaseHTTPRequestHandler
from http.server import ThreadingHTTPServer

import grpc
import numpy as np

from tests.exports.serving.double import HTTP_STATUSES
from tests.exports.serving.double import Failure
from zoo.exports.serving.messages import messages

TYPES = {"float32": "FP32", "int64": "INT64", "object": "BYTES"}
BYTES = "serving_bytes"
CLASSIFYING = ("serving_default", BYTES)


def find(served, name, version):
    """Returns the version and the signatures that a name stands for."""
    base, _, suffix = name.rpartition("_")
    if base == served.name and suffix in ("explain", "seeded"):
        number = served.version(base, version)
        if suffix in served.sessions[number][0].signatures:
            return number, (suffix,)
    return served.version(name, version), CLASSIFYING


def metadata(served, version, signatures):
    """Returns all inputs of the signatures, and the outputs."""
    session, _ = served.sessions[version]
    tensors = {"inputs": [], "outputs": []}
    for signature in signatures:
        sides = session.signatures[signature]
        for side, described in tensors.items():
            for name, spec in sides[side].items():
                kind = np.dtype(spec.dtype.as_numpy_dtype).name
                shape = [n or -1 for n in spec.shape.as_list()]
                shape = shape if len(shape) > 1 else [-1, 1]
                one = {"name": name, "datatype": TYPES[kind], "shape": shape}
                if one not in described:
                    described.append(one)
    return tensors


def infer(served, version, signatures, inputs):
    wanted = [
        s for s in signatures if (s == BYTES) == ("image_bytes" in inputs)
    ]
    inputs = {
        name: value if value.dtype == "float32" else value.reshape(-1)
        for name, value in inputs.items()
    }
    outputs = served.run(version, wanted[0], inputs)
    return {
        key: output[:, np.newaxis] if output.ndim == 1 else output
        for key, output in outputs.items()
    }


def from_raw(raw, datatype, shape):
    if datatype != "BYTES":
        kind = {"FP32": "<f4", "INT64": "<i8"}[datatype]
        return np.frombuffer(raw, kind).reshape(shape)
    strings = []
    while raw:
        (size,) = struct.unpack_from("<I", raw)
        strings.append(raw[4 : 4 + size])
        raw = raw[4 + size :]
    array = np.empty(len(strings), object)
    array[:] = strings
    return array.reshape(shape)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    path_form = re.compile(r"/v2/models/(\w+)(?:/versions/(\d+))?(/infer)?")

    def do_GET(self):  # noqa: N802
        if self.path == "/v2":
            binary = ["binary_tensor_data"] if self.server.binary else []
            self._send(200, {"name": "double", "extensions": binary})
            return
        self._answer(
            lambda served, *found: {
                "name": served.name,
                "versions": [str(n) for n in served.sessions],
                **metadata(served, *found),
            }
        )

    def do_POST(self):  # noqa: N802
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(lambda served, *found: self._infer(served, found, body))

    def log_message(self, *_):
        pass

    def _infer(self, served, found, body):
        head = int(self.headers.get("Inference-Header-Content-Length", 0))
        assert bool(head) == self.server.binary
        raw = body[head:] if head else b""
        inputs = {}
        for one in json.loads(body[:head] if head else body)["inputs"]:
            if head:
                size = one["parameters"]["binary_data_size"]
                value = from_raw(raw[:size], one["datatype"], one["shape"])
                raw = raw[size:]
            elif one["datatype"] == "BYTES":
                assert one["parameters"]["content_type"] == "base64"
                value = np.empty(len(one["data"]), object)
                value[:] = [base64.b64decode(text) for text in one["data"]]
            else:
                kind = {"FP32": "float32", "INT64": "int64"}[one["datatype"]]
                value = np.array(one["data"], kind).reshape(one["shape"])
            inputs[one["name"]] = value
        assert not raw
        return {
            "model_name": self.path_form.fullmatch(self.path)[1],
            "outputs": [
                {
                    "name": key,
                    "datatype": TYPES[output.dtype.name],
                    "shape": list(output.shape),
                    "data": [
                        value.decode() if isinstance(value, bytes) else value
                        for value in output.ravel().tolist()
                    ],
                }
                for key, output in infer(served, *found, inputs).items()
            ],
        }

    def _answer(self, make):
        served = self.server.served
        name, version, _ = self.path_form.fullmatch(self.path).groups()
        try:
            found = find(served, name, version and int(version))
            self._send(200, make(served, *found))
        except Failure as failure:
            self._send(
                HTTP_STATUSES.get(failure.code, 500), {"error": str(failure)}
            )

    def _send(self, status, answer):
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def grpc_services(served, raw):
    """Returns the gRPC service, which packs outputs as bytes if `raw`."""
    kinds = messages()

    def guarded(method):
        def call(request, context):
            try:
                return method(request)
            except Failure as failure:
                context.abort(
                    getattr(grpc.StatusCode, failure.code), str(failure)
                )

        return call

    def describe(request):
        version = request.version and int(request.version)
        tensors = metadata(served, *find(served, request.name, version or None))
        return kinds.ModelMetadataResponse(
            name=served.name,
            versions=[str(n) for n in served.sessions],
            **{
                side: [kinds.TensorMetadata(**one) for one in described]
                for side, described in tensors.items()
            },
        )

    def run(request):
        version = request.model_version and int(request.model_version)
        found = find(served, request.model_name, version or None)
        inputs = {
            one.name: from_raw(content, one.datatype, tuple(one.shape))
            for one, content in zip(
                request.inputs, request.raw_input_contents, strict=True
            )
        }
        answer = kinds.ModelInferResponse(model_name=request.model_name)
        for key, output in infer(served, *found, inputs).items():
            datatype = TYPES[output.dtype.name]
            one = answer.outputs.add(
                name=key, datatype=datatype, shape=output.shape
            )
            if raw and datatype == "BYTES":
                packed = (struct.pack("<I", len(s)) + s for s in output.flat)
                answer.raw_output_contents.append(b"".join(packed))
            elif raw:
                answer.raw_output_contents.append(output.tobytes())
            else:
                field = {"FP32": "fp32", "INT64": "int64", "BYTES": "bytes"}
                values = getattr(one.contents, f"{field[datatype]}_contents")
                values.extend(output.ravel().tolist())
        return answer

    return grpc.method_handlers_generic_handler(
        "inference.GRPCInferenceService",
        {
            name: grpc.unary_unary_rpc_method_handler(
                guarded(method),
                request_deserializer=getattr(
                    kinds, f"{name}Request"
                ).FromString,
                response_serializer=lambda message: message.SerializeToString(),
            )
            for name, method in (
                ("ModelMetadata", describe),
                ("ModelInfer", run),
            )
        },
    )


@contextlib.contextmanager
def serving_kserve(served, *, binary):
    """Serves on free ports; yields the hosts of REST and of gRPC.

    Args:
        served: The model.
        binary: Whether tensors go as bytes, as Triton's do, or MLServer's way.
    """
    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    http.served, http.binary = served, binary
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    rpc = grpc.server(futures.ThreadPoolExecutor(4))
    rpc.add_generic_rpc_handlers([grpc_services(served, binary)])
    port = rpc.add_insecure_port("127.0.0.1:0")
    rpc.start()
    try:
        yield {
            "http": f"127.0.0.1:{http.server_port}",
            "grpc": f"127.0.0.1:{port}",
        }
    finally:
        rpc.stop(None).wait()
        http.shutdown()
        http.server_close()
        thread.join()
