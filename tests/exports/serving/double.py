"""A double of TensorFlow Serving: its protocols over the C++ loader.

It answers by REST and gRPC as TensorFlow Serving's sources do, with the
messages and statuses of those, and runs each request in the session that the
C++ loader makes. gRPC's messages are `tensorflow-serving-api`'s own. Batches
aren't merged, but one of more than `max_batch` is refused as by the batching
of the server. Faults may be asked for.
"""

import base64
import contextlib
import json
import re
import threading
import time
from concurrent import futures
from http.server import BaseHTTPRequestHandler
from http.server import ThreadingHTTPServer

import grpc
import numpy as np
import tensorflow as tf
from google.protobuf import json_format
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import get_model_metadata_pb2
from tensorflow_serving.apis import get_model_status_pb2
from tensorflow_serving.apis import model_service_pb2_grpc
from tensorflow_serving.apis import predict_pb2
from tensorflow_serving.apis import prediction_service_pb2_grpc

from zoo.exports import SavedModelSession

HTTP_STATUSES = {
    "INVALID_ARGUMENT": 400,
    "NOT_FOUND": 404,
    "DEADLINE_EXCEEDED": 504,
    "UNAVAILABLE": 503,
    "RESOURCE_EXHAUSTED": 429,
}


class Failure(Exception):
    """An error with the name of its gRPC status."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class Served:
    """Versions of a model, and the faults that a test asks for.

    Args:
        name: The model's.
        folder: Has a folder for each version.
        labels: Versions by label.
        max_batch: Rows that a request may have.
    """

    def __init__(self, name, folder, *, labels=(), max_batch=64):
        self.name = name
        self.labels = dict(labels)
        self.max_batch = max_batch
        self.sessions = {
            int(path.name): (
                SavedModelSession(path),
                saved_model_pb2.SavedModel.FromString(
                    (path / "saved_model.pb").read_bytes()
                ).meta_graphs[0],
            )
            for path in sorted(folder.iterdir())
            if path.name.isdecimal()
        }
        self.faults = []  # Codes of the next calls, in turn.
        self.delay = 0.0
        self.calls = 0
        self.lock = threading.Lock()

    def close(self):
        for session, _ in self.sessions.values():
            session.close()

    def version(self, name, version=None, label=None):
        if name != self.name:
            raise Failure(
                "NOT_FOUND", f"Servable not found for request: Latest({name})"
            )
        if label is not None:
            if label not in self.labels:
                raise Failure(
                    "INVALID_ARGUMENT",
                    f"Unrecognized servable version label: {label}",
                )
            version = self.labels[label]
        if version is None:
            return max(self.sessions)
        if version not in self.sessions:
            raise Failure(
                "NOT_FOUND",
                f"Servable not found for request: Specific({name}, {version})",
            )
        return version

    def run(self, version, signature, inputs):
        with self.lock:
            self.calls += 1
            fault = self.faults.pop(0) if self.faults else None
        time.sleep(self.delay)
        if fault:
            raise Failure(fault, f"{fault} was asked for")
        session, _ = self.sessions[version]
        if signature not in session.signatures:
            raise Failure(
                "INVALID_ARGUMENT",
                f'Serving signature name: "{signature}" not found in '
                "signature def",
            )
        for value in inputs.values():
            if value.ndim and len(value) > self.max_batch:
                raise Failure(
                    "INVALID_ARGUMENT",
                    f"Task size {len(value)} is larger than maximum input "
                    f"batch size {self.max_batch}",
                )
        try:
            return session.run(signature, inputs)
        except ValueError as error:
            raise Failure("INVALID_ARGUMENT", str(error)) from error
        except tf.errors.OpError as error:
            names = {code.value[0]: code.name for code in grpc.StatusCode}
            raise Failure(names[error.error_code], error.message) from error

    def signature_defs(self, version):
        return self.sessions[version][1].signature_def

    def status(self, name):
        if name != self.name:
            raise Failure(
                "NOT_FOUND", f"Could not find any versions of model {name}"
            )
        answer = get_model_status_pb2.GetModelStatusResponse()
        for version in self.sessions:
            answer.model_version_status.add(version=version, state="AVAILABLE")
        return answer

    def metadata(self, version):
        answer = get_model_metadata_pb2.GetModelMetadataResponse()
        answer.model_spec.name = self.name
        answer.model_spec.version.value = version
        signatures = get_model_metadata_pb2.SignatureDefMap()
        for key, value in self.signature_defs(version).items():
            signatures.signature_def[key].CopyFrom(value)
        answer.metadata["signature_def"].Pack(signatures)
        return answer


class Services(
    prediction_service_pb2_grpc.PredictionServiceServicer,
    model_service_pb2_grpc.ModelServiceServicer,
):
    """PredictionService and ModelService."""

    def __init__(self, served):
        self.served = served

    def Predict(self, request, context):  # noqa: N802
        with _statuses(context):
            spec = request.model_spec
            version = self._version(spec)
            outputs = self.served.run(
                version,
                spec.signature_name or "serving_default",
                {k: tf.make_ndarray(v) for k, v in request.inputs.items()},
            )
            answer = predict_pb2.PredictResponse()
            answer.model_spec.name = self.served.name
            answer.model_spec.version.value = version
            for key, value in outputs.items():
                # As the server by default, in fields and not in bytes.
                answer.outputs[key].CopyFrom(_in_fields(value))
            return answer

    def GetModelMetadata(self, request, context):  # noqa: N802
        with _statuses(context):
            return self.served.metadata(self._version(request.model_spec))

    def GetModelStatus(self, request, context):  # noqa: N802
        with _statuses(context):
            return self.served.status(request.model_spec.name)

    def _version(self, spec):
        chosen = spec.WhichOneof("version_choice")
        return self.served.version(
            spec.name,
            spec.version.value if chosen == "version" else None,
            spec.version_label if chosen == "version_label" else None,
        )


class Handler(BaseHTTPRequestHandler):
    """The REST API."""

    protocol_version = "HTTP/1.1"
    path_form = re.compile(
        r"/v1/models/([^/:]+)(?:/versions/(\d+)|/labels/([^/:]+))?"
        r"(/metadata|:predict)?"
    )

    def do_GET(self):  # noqa: N802
        self._answer(self._get)

    def do_POST(self):  # noqa: N802
        size = int(self.headers["Content-Length"])
        body = self.rfile.read(size)
        self._answer(lambda served: self._post(served, body))

    def log_message(self, *_):
        pass

    def _get(self, served):
        name, version, label, what = self._parsed()
        if what == "/metadata":
            number = served.version(name, version, label)
            message = served.metadata(number)
            signatures = get_model_metadata_pb2.SignatureDefMap()
            message.metadata["signature_def"].Unpack(signatures)
            return {
                "model_spec": {"name": name, "version": str(number)},
                "metadata": {"signature_def": _proto_json(signatures)},
            }
        return _proto_json(served.status(name))

    def _post(self, served, body):
        name, version, label, _ = self._parsed()
        number = served.version(name, version, label)
        try:
            request = json.loads(body)
            signature = request.get("signature_name", "serving_default")
            inputs = request["inputs"]
        except (ValueError, KeyError) as error:
            raise Failure(
                "INVALID_ARGUMENT", f"JSON Parse error: {error}"
            ) from error
        if signature not in served.sessions[number][0].signatures:
            served.run(number, signature, {})  # Fails as it does by gRPC.
        specs = served.signature_defs(number)[signature].inputs
        for key in inputs:  # A map makes entries for keys that are read.
            if key not in specs:
                raise Failure(
                    "INVALID_ARGUMENT",
                    f"JSON Value: unexpected input {key} in signature",
                )
        try:
            inputs = {
                key: _from_json(value, specs[key].dtype)
                for key, value in inputs.items()
            }
        except (TypeError, ValueError) as error:
            raise Failure(
                "INVALID_ARGUMENT", f"Failed to process JSON: {error}"
            ) from error
        outputs = served.run(number, signature, inputs)
        outputs = {
            key: [one.decode() for one in value]
            if value.dtype == object
            else value.tolist()
            for key, value in outputs.items()
        }
        if len(outputs) == 1:
            (outputs,) = outputs.values()
        return {"outputs": outputs}

    def _parsed(self):
        match = self.path_form.fullmatch(self.path)
        if not match:
            raise Failure(
                "INVALID_ARGUMENT",
                f"Malformed request: {self.command} {self.path}",
            )
        name, version, label, what = match.groups()
        return name, version and int(version), label, what

    def _answer(self, make):
        try:
            status, body = 200, make(self.server.served)
        except Failure as failure:
            status = HTTP_STATUSES.get(failure.code, 500)
            body = {"error": str(failure)}
        content = json.dumps(body).encode()
        # The client may have given up.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)


@contextlib.contextmanager
def serving(served):
    """Serves on free ports; yields the hosts of REST and of gRPC."""
    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    http.served = served
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    rpc = grpc.server(
        futures.ThreadPoolExecutor(8),
        options=(
            ("grpc.max_receive_message_length", -1),
            ("grpc.max_send_message_length", -1),
        ),
    )
    services = Services(served)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
        services, rpc
    )
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(services, rpc)
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
        served.close()


@contextlib.contextmanager
def _statuses(context):
    try:
        yield
    except Failure as failure:
        context.abort(getattr(grpc.StatusCode, failure.code), str(failure))


def _in_fields(array):
    if array.dtype == object or array.size < 2:
        return tf.make_tensor_proto(array)
    proto = tf.make_tensor_proto(array)
    field = {"float32": "float_val", "int64": "int64_val"}[array.dtype.name]
    getattr(proto, field).extend(array.ravel().tolist())
    proto.tensor_content = b""
    return proto


def _from_json(value, dtype):
    if dtype == tf.string.as_datatype_enum:
        files = [base64.b64decode(one["b64"], validate=True) for one in value]
        array = np.empty(len(files), object)
        array[:] = files
        return array
    return np.array(value, tf.as_dtype(dtype).as_numpy_dtype)


def _proto_json(message):
    return json_format.MessageToDict(message, preserving_proto_field_name=True)
