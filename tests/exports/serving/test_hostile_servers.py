"""Servers that drip, flood, contradict themselves or answer for others."""

import contextlib
import json
import socket
import threading
import time
from concurrent import futures

import grpc
import numpy as np
import pytest

from zoo.exports.serving import Client
from zoo.exports.serving import DeadlineError
from zoo.exports.serving import ServingError
from zoo.exports.serving import UnavailableError
from zoo.exports.serving import calls
from zoo.exports.serving import http_transport
from zoo.exports.serving.messages import messages

SHAPES = {
    "logits": ("DT_FLOAT", 1, [-1, 3]),
    "probabilities": ("DT_FLOAT", 1, [-1, 3]),
    "classes": ("DT_INT64", 9, [-1]),
    "labels": ("DT_STRING", 7, [-1]),
}
GOOD = {
    "logits": [[0.0, 1.0, 2.0]] * 2,
    "probabilities": [[0.09003057, 0.24472847, 0.66524096]] * 2,
    "classes": [2, 2],
    "labels": ["zebra", "zebra"],
}
IMAGES = np.full((2, 4, 4, 1), 0.5, "float32")


def _info(kind, dims):
    return {
        "dtype": kind,
        "tensor_shape": {"dim": [{"size": str(n)} for n in dims]},
    }


METADATA = {
    "metadata": {
        "signature_def": {
            "signature_def": {
                "serving_default": {
                    "inputs": {"image": _info("DT_FLOAT", [-1, 4, 4, 1])},
                    "outputs": {
                        key: _info(kind, dims)
                        for key, (kind, _, dims) in SHAPES.items()
                    },
                }
            }
        }
    }
}


@contextlib.contextmanager
def answering(behave):
    """Calls `behave(connection, request)` for each request; yields a URL."""
    listener = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def serve(connection):
        with contextlib.suppress(OSError), connection:
            while request := _request(connection):
                behave(connection, request)

    def accept():
        while not ended.is_set():
            with contextlib.suppress(OSError):
                connection, _ = listener.accept()
                threading.Thread(
                    target=serve, args=(connection,), daemon=True
                ).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        port = listener.getsockname()[1]
        yield f"http://127.0.0.1:{port}/v1/models/m"
    finally:
        ended.set()
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _request(connection):
    """Reads one request; returns its first line."""
    head = b""
    while b"\r\n\r\n" not in head:
        chunk = connection.recv(1 << 16)
        if not chunk:
            return None
        head += chunk
    lines, _, body = head.partition(b"\r\n\r\n")
    size = 0
    for line in lines.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            size = int(line.partition(b":")[2])
    while len(body) < size:
        body += connection.recv(1 << 16)
    return lines.partition(b"\r\n")[0].decode()


def _page(content, status="200 OK", *headers):
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(content)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def _model(outputs, more=()):
    """A server that knows the model and answers with these outputs."""
    content = json.dumps({"outputs": outputs, **dict(more)}).encode()
    described = json.dumps(METADATA).encode()

    def behave(connection, request):
        post = request.startswith("POST")
        connection.sendall(_page(content if post else described))

    return behave


def _drip(connection, text):
    for letter in text:
        connection.sendall(letter.encode())
        time.sleep(0.05)


def _endless(connection, _):
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"1\r\nx\r\n")
        time.sleep(0.02)


def _continue_for_ever(connection, _):
    while True:
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        time.sleep(0.02)


SLOW = {
    "says nothing": lambda *_: time.sleep(20),
    "drips its status": lambda c, _: _drip(c, "HTTP/1.1 200 " + "O" * 400),
    "drips headers": lambda c, _: _drip(
        c, "HTTP/1.1 200 OK\r\nA: " + "b" * 400
    ),
    "never ends its body": _endless,
    "lets continue for ever": _continue_for_ever,
}


@pytest.mark.parametrize("way", SLOW)
def test_a_slow_server_ends_in_time(way):
    with answering(SLOW[way]) as url, Client(url, timeout=0.4) as client:
        start = time.monotonic()
        with pytest.raises(DeadlineError, match=r"within 0\.4 s"):
            client.versions()
    assert time.monotonic() - start < 10  # On a busy machine, too.


def test_an_endless_body_is_not_kept(monkeypatch):
    monkeypatch.setattr(http_transport, "LARGEST_ANSWER", 1 << 20)

    def flood(connection, _):
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b"x" * (1 << 16))

    with answering(flood) as url, Client(url) as client:
        with pytest.raises(ServingError, match="at most 1048576 bytes"):
            client.versions()


@pytest.mark.parametrize(
    ("page", "match"),
    [
        (_page(b"[" * 100_000), "must answer in JSON"),
        (_page(b'{"a": ' + b"9" * 10_000 + b"}"), "must answer in JSON"),
        (
            _page(b"\x1f\x8b", "200 OK", "Content-Encoding: gzip"),
            "must answer in JSON.*gzip",
        ),
        (
            _page(b"", "302 Found", "Location: http://elsewhere/"),
            "sends to http://elsewhere/",
        ),
        (_page(b"\x1b[2Jgone\r\n\x00", "500 Oh"), r"\\x1b\[2Jgone"),
        (_page(b"y" * 10_000, "500 Oh"), "y … y"),
        (_page(b"\0" * 10_000, "500 Oh"), r" … .*x00"),
        (_page(b'{"model_version_status": [1]}'), "the states of versions"),
    ],
)
def test_a_page_that_is_no_answer(page, match):
    with answering(lambda c, _: c.sendall(page)) as url, Client(url) as client:
        with pytest.raises(ServingError, match=match) as caught:
            client.versions()
    text = str(caught.value)
    assert text.isprintable()
    assert len(text) < 1100


def test_a_broken_answer_is_asked_for_again():
    seen = []

    def behave(connection, _):
        seen.append(1)
        page = _page(b'{"model_version_status": []}')
        connection.sendall(page[:-5] if len(seen) < 3 else page)
        connection.close()

    with answering(behave) as url, Client(url) as client:
        assert client.versions() == {}
    assert len(seen) == 3


def test_no_server_is_waited_for(monkeypatch):
    """As long as the retries last: their pauses grow to five seconds."""
    pauses = []
    monkeypatch.setattr(calls.time, "sleep", pauses.append)
    monkeypatch.setattr(calls.random, "uniform", lambda _, longest: longest)
    with Client("http://127.0.0.1:9/v1/models/m", timeout=60) as client:
        with pytest.raises(UnavailableError):
            client.versions()
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]


def test_the_good_answer_is_read():
    with answering(_model(GOOD)) as url, Client(url) as client:
        first, _ = client.predict(IMAGES)
    assert (first.index, first.name) == (2, "zebra")
    assert first.probability == pytest.approx(0.66524096)


WRONG = {
    "fewer rows": ({"classes": [2]}, "one row for each of 2"),
    "more rows": ({k: [*v, v[0]] for k, v in GOOD.items()}, "one row for each"),
    "NaN": ({"logits": [[0.0, 1.0, float("nan")]] * 2}, "must be finite"),
    "infinity": ({"logits": [[0.0, 1.0, float("inf")]] * 2}, "must be finite"),
    "negative": ({"probabilities": [[-0.5, 0.5, 1.0]] * 2}, "from 0 to 1"),
    "sum": ({"probabilities": [[0.5, 0.5, 0.5]] * 2}, "sum to 1"),
    "another class": ({"classes": [2, 1]}, "likeliest.*place 1"),
    "probabilities of another order": (
        {"probabilities": [[0.7, 0.2, 0.1]] * 2},
        "likeliest",
    ),
    "width": ({"logits": [[0.0, 2.0]] * 2}, "one row for each"),
    "ragged": ({"logits": [[0.0, 1.0], [2.0]]}, "`logits` must be an array"),
    "text": ({"logits": [["0", "1", "2"]] * 2}, "`logits`.*values such as"),
    "booleans": ({"logits": [[False, False, True]] * 2}, "`logits`.*values"),
    "fractions": ({"classes": [2.0, 1.5]}, "`classes`.*values such as"),
    "objects": ({"classes": [{}, {}]}, "`classes`.*values such as"),
    "numbers as labels": ({"labels": [1, 2]}, "`labels` must be an array"),
    "fewer labels": ({"labels": ["zebra"]}, "one label for each of 2"),
}


@pytest.mark.parametrize("way", WRONG)
def test_a_wrong_answer_is_an_error(way):
    change, match = WRONG[way]
    with answering(_model({**GOOD, **change})) as url, Client(url) as client:
        with pytest.raises(ServingError, match=match):
            client.predict(IMAGES)


def _kserve(answer, described_outputs=tuple(GOOD)):
    described = {
        "name": "m",
        "inputs": [
            {"name": "image", "datatype": "FP32", "shape": [-1, 4, 4, 1]}
        ],
        "outputs": [
            {"name": key, "datatype": "FP32", "shape": [-1]}
            for key in described_outputs
        ],
    }
    pages = {
        "POST": answer,
        "GET /v2 ": {"extensions": []},
        "GET": described,
    }

    def behave(connection, request):
        page = next(p for k, p in pages.items() if request.startswith(k))
        connection.sendall(_page(json.dumps(page).encode()))

    return behave


def _kserve_outputs(**change):
    kinds = {"logits": "FP32", "classes": "INT64", "labels": "BYTES"}
    return [
        {
            "name": key,
            "datatype": kinds.get(key, "FP32"),
            "shape": list(np.shape(values)),
            "data": np.ravel(values).tolist(),
            **change.get(key, {}),
        }
        for key, values in GOOD.items()
    ]


@pytest.mark.parametrize(
    ("answer", "match"),
    [
        ({"outputs": _kserve_outputs()}, None),
        ({"model_name": "n", "outputs": _kserve_outputs()}, "must be of"),
        ({"outputs": _kserve_outputs() * 2}, "twice"),
        ({"outputs": _kserve_outputs(logits={"shape": [6, 3]})}, "outputs, as"),
        ({"outputs": _kserve_outputs(logits={"datatype": "X"})}, "`logits`"),
        ({"outputs": _kserve_outputs(logits={"data": None})}, "`logits`"),
        ({"outputs": 3}, "outputs, as"),
        ({}, "outputs, as"),
    ],
)
def test_kserves_answers(answer, match):
    wrong = contextlib.nullcontext()
    if match:
        wrong = pytest.raises(ServingError, match=match)
    with answering(_kserve(answer)) as url:
        with Client(url.replace("v1", "v2")) as client, wrong:
            assert client.predict(IMAGES)[0].name == "zebra"


def test_kserves_metadata_are_asked_for_once():
    """Though MLServer's, which a person writes, may leave outputs out."""
    behave = _kserve({"outputs": _kserve_outputs()}, ("logits",))
    asked = []

    def watched(connection, request):
        asked.append(request)
        behave(connection, request)

    with answering(watched) as url:
        with Client(url.replace("v1", "v2")) as client:
            for _ in range(3):
                client.predict(IMAGES)
    assert sum(request.startswith("GET") for request in asked) == 2


def _tensor(key, values):
    kinds = messages()
    _, number, _ = SHAPES[key]
    tensor = kinds.Tensor(dtype=number)
    for size in np.shape(values):
        tensor.tensor_shape.dim.add(size=size)
    flat = np.ravel(values).tolist()
    if number == 7:
        tensor.string_val.extend(one.encode() for one in flat)
    else:
        field = {1: "float_val", 9: "int64_val"}[number]
        getattr(tensor, field).extend(flat)
    return tensor


@contextlib.contextmanager
def grpc_answering(change=lambda answer: None, raw=None):
    """A gRPC server whose Predict answers what `change` made of the good."""
    kinds = messages()
    signature = kinds.SignatureDef()
    signature.inputs["image"].dtype = 1
    for size in (-1, 4, 4, 1):
        signature.inputs["image"].tensor_shape.dim.add(size=size)
    for key, (_, number, dims) in SHAPES.items():
        signature.outputs[key].dtype = number
        for size in dims:
            signature.outputs[key].tensor_shape.dim.add(size=size)
    found = kinds.SignatureDefMap()
    found.signature_def["serving_default"].CopyFrom(signature)
    described = kinds.GetModelMetadataResponse()
    described.metadata["signature_def"].value = found.SerializeToString()

    def metadata(request, context):
        return described.SerializeToString()

    def predict(request, context):
        answer = kinds.PredictResponse()
        answer.model_spec.name = "m"
        answer.model_spec.version.value = 3
        for key, values in GOOD.items():
            answer.outputs[key].CopyFrom(_tensor(key, values))
        change(answer)
        return answer.SerializeToString() if raw is None else raw

    server = grpc.server(futures.ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers(
        (
            grpc.method_handlers_generic_handler(
                "tensorflow.serving.PredictionService",
                {
                    "Predict": grpc.unary_unary_rpc_method_handler(predict),
                    "GetModelMetadata": grpc.unary_unary_rpc_method_handler(
                        metadata
                    ),
                },
            ),
        )
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"grpc://127.0.0.1:{port}/v1/models/m"
    finally:
        server.stop(None).wait()


def _another_name(answer):
    answer.model_spec.name = "n"


def _another_version(answer):
    answer.model_spec.version.value = 4


def _short_content(answer):
    tensor = answer.outputs["logits"]
    tensor.ClearField("float_val")
    tensor.tensor_content = b"\0" * 23


def _few_values(answer):
    del answer.outputs["logits"].float_val[1:]
    answer.outputs["logits"].tensor_shape.dim[0].size = 10**12


def _negative_size(answer):
    answer.outputs["logits"].tensor_shape.dim[0].size = -1


def _unknown_type(answer):
    answer.outputs["logits"].dtype = 22


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (_another_name, "must be of"),
        (_another_version, "must be of"),
        (_short_content, "whole numbers of 4 bytes"),
        (_few_values, "shape of at most"),
        (_negative_size, "shape of at most"),
        (_unknown_type, "TensorFlow's types"),
    ],
)
def test_a_wrong_answer_by_grpc(change, match):
    with grpc_answering(change) as url:
        with Client(f"{url}/versions/3") as client:
            with pytest.raises(ServingError, match=match):
                client.predict(IMAGES)


def test_a_message_that_is_none():
    with grpc_answering(raw=b"\xff\xff\xff") as url, Client(url) as client:
        with pytest.raises(ServingError, match="deserializ"):
            client.predict(IMAGES)


def test_a_message_too_large(monkeypatch):
    from zoo.exports.serving import grpc_calls

    options = [
        (key, 1000 if "receive" in key else value)
        for key, value in grpc_calls._OPTIONS
    ]
    monkeypatch.setattr(grpc_calls, "_OPTIONS", options)
    with grpc_answering(raw=b"\0" * 2000) as url, Client(url) as client:
        with pytest.raises(ServingError, match="larger than max"):
            client.predict(IMAGES)
