import contextlib
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import pytest
import tensorflow as tf
import urllib3

from tests.exports.serving.conftest import CLASSES
from zoo import exports
from zoo.exports.serving import Client
from zoo.exports.serving import DeadlineError
from zoo.exports.serving import ModelNotFoundError
from zoo.exports.serving import RefusedError
from zoo.exports.serving import ServingError
from zoo.exports.serving import UnavailableError
from zoo.exports.serving import VersionNotFoundError
from zoo.exports.serving.backend import Signature
from zoo.exports.serving.backend import Tensor
from zoo.exports.serving.calls import Deadline


def png(image):
    return tf.io.encode_png(np.uint8(np.round(image * 255))).numpy()


def expected(folder, images):
    with exports.SavedModelSession(folder / "3") as session:
        return session.run("serving_default", {"image": images})


def test_pixels(url, folder, images):
    outputs = expected(folder, images)
    with Client(url) as client:
        predictions = client.predict(images)
    for row, prediction in enumerate(predictions):
        np.testing.assert_allclose(
            prediction.logits, outputs["logits"][row], rtol=1e-6
        )
        best = int(np.argmax(outputs["logits"][row]))
        assert prediction.index == best
        assert prediction.name == CLASSES[best]
        assert prediction.probabilities.dtype == np.float32
        assert prediction.probability == prediction.probabilities.max()
        assert prediction.probabilities.sum() == pytest.approx(1)


def test_files(url, folder, images, tmp_path):
    """Bytes and paths, the size being another than the model's."""
    path = tmp_path / "one.png"
    path.write_bytes(png(np.repeat(images[0], 2, axis=0)))
    contents = path.read_bytes()
    with exports.SavedModelSession(folder / "3") as session:
        files = np.array([contents, contents], object)
        outputs = session.run("serving_bytes", {"image_bytes": files})
    with Client(url) as client:
        predictions = client.predict([str(path), contents])
    assert len(predictions) == 2
    np.testing.assert_allclose(
        predictions[1].logits, outputs["logits"][1], rtol=1e-6
    )


def test_names(url, folder, images):
    for classes in (CLASSES, folder, folder / "3"):
        with Client(url, classes=classes) as client:
            (first, _) = client.predict(images)
        likely = first.top(2)
        assert likely[0] == (first.name, first.probability)
        assert {name for name, _ in first.top()} == set(CLASSES)
        assert likely[0][1] >= likely[1][1]
    with Client(f"{url}/versions/1") as client:  # It has no names.
        prediction = client.predict(images)[0]
    assert prediction.name == str(prediction.index)


def test_wrong_names(url, folder, images):
    with Client(url, classes=["a", "b"]) as client:
        with pytest.raises(ValueError, match="each of the 3 classes"):
            client.predict(images)
    with Client(url, classes=["a", "b", "c"]) as client:
        with pytest.raises(ValueError, match="the served model's"):
            client.predict(images)
    with pytest.raises(ValueError, match="must have names"):
        Client(f"{url}/versions/1", classes=folder)


def test_versions(url, images):
    with Client(url) as client:
        assert client.versions() == {"1": "AVAILABLE", "3": "AVAILABLE"}
        newest = client.predict(images)
    with Client(f"{url}/labels/stable") as client:
        assert client.predict(images)[0].name == newest[0].name


def test_wrong_version(url, images):
    for chosen in ("versions/2", "labels/canary"):
        with Client(f"{url}/{chosen}") as client:
            with pytest.raises(VersionNotFoundError, match="served, 1, 3"):
                client.predict(images)


def test_wrong_model(url, images):
    with Client(url.replace("tiny", "huge")) as client:
        with pytest.raises(ModelNotFoundError, match="huge") as caught:
            client.predict(images)
        assert not isinstance(caught.value, VersionNotFoundError)
        with pytest.raises(ModelNotFoundError, match="huge"):
            client.versions()


def test_unavailable_twice_then_fine(url, server, images):
    served, _ = server
    served.faults = ["UNAVAILABLE", "UNAVAILABLE"]
    with Client(url, retries=2) as client:
        assert len(client.predict(images)) == 2
    assert served.calls == 3


def test_unavailable_too_often(url, server, images):
    served, _ = server
    served.faults = ["UNAVAILABLE"] * 2
    with Client(url, retries=1) as client:
        with pytest.raises(UnavailableError, match="was asked for"):
            client.predict(images)
    assert served.calls == 2


@pytest.mark.parametrize("code", ["RESOURCE_EXHAUSTED", "INTERNAL"])
def test_other_errors_are_not_retried(url, server, images, code):
    served, _ = server
    served.faults = [code]
    with Client(url) as client:
        with pytest.raises(ServingError, match="was asked for"):
            client.predict(images)
    assert served.calls == 1


def test_nobody_there(images):
    for scheme in ("http", "grpc"):
        with Client(
            f"{scheme}://127.0.0.1:9/v1/models/tiny", retries=1
        ) as client:
            with pytest.raises(UnavailableError, match="available|reachable"):
                client.predict(images)


def test_deadline(url, server, images):
    served, _ = server
    with Client(url) as client:
        client.predict(images)
        served.delay = 0.6
        with pytest.raises(DeadlineError) as caught:
            client.predict(images, timeout=0.2)
        assert isinstance(caught.value, TimeoutError)
        served.delay = 0.0
        assert client.predict(images)  # The connection is still good.


def test_deadline_ends_the_retries(url, server, images):
    served, _ = server
    served.faults = ["UNAVAILABLE"] * 50
    with Client(url, retries=50, timeout=0.5) as client:
        with pytest.raises((UnavailableError, DeadlineError)):
            client.predict(images)
    assert served.calls < 20


def test_bad_images(url, server, images):
    """Refused here, before anything is sent."""
    served, _ = server
    wrong = [
        (images[0], "a batch"),
        (images[:, :7], "fit the model"),
        (images[..., :1], "fit the model"),
        (images[:0], "empty"),
        (np.uint8(images * 255), "divide 8-bit"),
        (images * 255, "in \\[0, 1\\]"),
        (np.full_like(images, np.nan), "finite"),
        ([], "one or more"),
        (b"one file", "one or more"),
        ("one.png", "one or more"),
        ([b"file", 3], "bytes or its path"),
    ]
    with Client(url) as client:
        for value, message in wrong:
            with pytest.raises(ValueError, match=message):
                client.predict(value)
        with pytest.raises(FileNotFoundError):
            client.predict(["nowhere.png"])
    assert served.calls == 0


def test_another_version_comes_up(url, server, images):
    """What the client knew of the old one no longer holds."""
    served, _ = server
    with Client(url) as client:
        client.predict(images)
        known = client._signatures
        old = Tensor("float32", (None, 9, 6, 3))
        client._signatures = {"serving_default": Signature({"image": old}, {})}
        with pytest.raises(ValueError, match="fit the model"):
            client.predict(images)
        assert len(client.predict(images)) == 2
        assert client._signatures == known


def test_outputs_of_a_version_that_came_up(url, server, images):
    """Those that the old version hadn't are there, too; so are its names."""
    served, _ = server
    with Client(url) as client:
        client.predict(images)
        known = client._signatures
        new = known["serving_default"]
        for kept in (["classes", "logits", "probabilities"], ["logits"], []):
            old = {key: new.outputs[key] for key in kept}
            stale = {"serving_default": Signature(new.inputs, old)}
            client._signatures = stale
            assert client.predict(images)[0].name in CLASSES
            client.predict(images)
            assert client._signatures == known


def test_one_output_of_a_version_that_came_up(url, folder, images):
    """By REST it has no name, whatever the old version had."""
    with Client(f"{url}/versions/3") as client:
        client.predict(images)
        outputs = client._signatures["serving_default"].outputs
        one = {"logits": outputs["logits"]}
        backend = client._backend
        if not hasattr(backend, "_http"):
            pytest.skip("By gRPC each output has its name.")
        inputs = client._signatures["serving_default"].inputs
        backend._http.send = lambda *_, **__: {"outputs": [[1.0, 2.0, 3.0]]}
        backend.signatures = lambda _: {"x": Signature(inputs, one)}
        found = backend.run(
            "x", Signature(inputs, outputs), {"image": images}, Deadline(9)
        )
        np.testing.assert_array_equal(found["logits"], [[1, 2, 3]])
        backend._http.send = lambda *_, **__: {"outputs": {"other": []}}
        with pytest.raises(ServingError, match="metadata name.*logits"):
            backend.run(
                "x", Signature(inputs, outputs), {"image": images}, Deadline(9)
            )


@pytest.mark.parametrize(
    "error",
    [
        urllib3.exceptions.SSLError("certificate verify failed"),
        urllib3.exceptions.InvalidHeader("two lengths"),
        urllib3.exceptions.LocationParseError("::"),
    ],
)
def test_what_never_passes_is_not_repeated(images, error):
    sent = []

    def fail(*_, **__):
        sent.append(1)
        raise error

    with Client("https://localhost:1/v1/models/m") as client:
        client._backend._http._pool.request = fail
        with pytest.raises(ServingError, match="certificate") as caught:
            client.predict(images)
    assert type(caught.value) is ServingError
    assert len(sent) == 1


def own_certificate(folder, names):
    """Returns the files of a key and a certificate that no authority knows."""
    command = shutil.which("openssl")
    if not command:
        pytest.skip("openssl makes the certificate.")
    files = [folder / name for name in ("key.pem", "own.pem")]
    options = "req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=own"
    options += f" -addext subjectAltName={names}"
    subprocess.run(
        [command, *options.split(), "-keyout", files[0], "-out", files[1]],
        check=True,
        capture_output=True,
    )
    return files


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize(
    ("names", "trusted", "message"),
    [
        ("IP:127.0.0.1", False, "certificate must be right.*VERIFY_FAILED"),
        ("DNS:elsewhere.example", True, "certificate must be right.*Hostname"),
        (None, True, "certificate must be right.*WRONG_VERSION"),
        ("IP:127.0.0.1", True, "Received: UNIMPLEMENTED"),
    ],
    ids=["untrusted", "wrong host", "not encrypted", "right"],
)
def test_certificates_by_grpc(
    images, tmp_path, monkeypatch, version, names, trusted, message
):
    """One that is wrong is so the next time, too."""
    key, certificate = own_certificate(tmp_path, names or "IP:127.0.0.1")
    pauses = []
    monkeypatch.setattr("zoo.exports.serving.calls.time.sleep", pauses.append)
    server = grpc.server(ThreadPoolExecutor(1))
    if names is None:
        port = server.add_insecure_port("127.0.0.1:0")
    else:
        pair = key.read_bytes(), certificate.read_bytes()
        credentials = grpc.ssl_server_credentials([pair])
        port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    try:
        with Client(
            f"grpcs://127.0.0.1:{port}/{version}/models/m",
            certificates=str(certificate) if trusted else None,
        ) as client:
            with pytest.raises(ServingError, match=message) as caught:
                client.predict(images)
    finally:
        server.stop(None)
    assert type(caught.value) is ServingError
    assert not pauses


def test_an_untrusted_certificate(images, tmp_path):
    """Of a real server, which no authority knows."""
    key, certificate = own_certificate(tmp_path, "IP:127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    connections = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    connections.append(1)
                    with contextlib.suppress(OSError), connection:
                        context.wrap_socket(connection, server_side=True)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        port = listening.getsockname()[1]
        with Client(f"https://127.0.0.1:{port}/v1/models/m") as client:
            with pytest.raises(ServingError, match="CERTIFICATE") as caught:
                client.predict(images)
    assert not isinstance(caught.value, UnavailableError)
    assert len(connections) == 1


def test_explaining_needs_the_signature(url, images):
    with Client(url) as client:
        with pytest.raises(ServingError, match="`explain`.*serving_bytes"):
            client.explain(images)


def test_threads_share_a_client(url, folder, images):
    outputs = expected(folder, images)["logits"]

    def work():
        for _ in range(5):
            predictions = client.predict(images)
            np.testing.assert_allclose(
                predictions[1].logits, outputs[1], rtol=1e-6
            )

    with Client(url) as client, ThreadPoolExecutor(8) as threads:
        for done in [threads.submit(work) for _ in range(8)]:
            done.result()


def test_headers(server, images):
    """Of a REST call; a gateway in front may want them."""
    seen = []
    _, hosts = server
    with Client(
        f"http://{hosts['http']}/v1/models/tiny",
        headers={"Authorization": "Bearer x"},
    ) as client:
        send = client._backend._http._pool.request

        def note(*args, headers, **kwargs):
            seen.append(headers["Authorization"])
            return send(*args, headers=headers, **kwargs)

        client._backend._http._pool.request = note
        client.predict(images)
    assert set(seen) == {"Bearer x"}


@pytest.mark.parametrize(
    "url",
    [
        "localhost:8501/v1/models/m",
        "ftp://localhost/v1/models/m",
        "http://localhost:8501",
        "http://localhost:8501/v1/models/",
        "http://localhost:8501/v1/models/m:predict/x",
        "http://localhost:8501/v3/models/m",
        "http://localhost:8501/v1/models/m/versions/one",
        "http://localhost:8001/v2/models/m/labels/stable",
        "http://user:secret@localhost:8501/v1/models/m",
        "grpc://localhost:8500/prefix/v1/models/m",
        "http:///v1/models/m",
    ],
)
def test_wrong_addresses(url):
    with pytest.raises(ValueError, match="Received"):
        Client(url)


def test_wrong_options():
    url = "http://localhost:8501/v1/models/m"
    for options in ({"timeout": 0}, {"retries": -1}, {"retries": 1.5}):
        with pytest.raises(ValueError, match="Received"):
            Client(url, **options)
    with Client(url) as client:
        with pytest.raises(ValueError, match="timeout"):
            client.predict(np.zeros((1, 8, 6, 3), "float32"), timeout=-1)


def test_not_a_model_server(images):
    """A page of HTML with status 200 is no answer."""
    from http.server import BaseHTTPRequestHandler
    from http.server import HTTPServer

    class Page(BaseHTTPRequestHandler):
        def do_GET(self):  # noqa: N802
            self.send_response(200)
            self.send_header("Content-Length", "6")
            self.end_headers()
            self.wfile.write(b"<html>")

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Page) as page:
        thread = threading.Thread(target=page.serve_forever)
        thread.start()
        with Client(
            f"http://127.0.0.1:{page.server_port}/v1/models/m"
        ) as client:
            with pytest.raises(ServingError, match="is it a model server"):
                client.predict(images)
        page.shutdown()
        thread.join()


def test_no_tensorflow_in_the_client():
    """It takes seconds to import, and most of a client's memory."""
    program = (
        "import sys\n"
        "from zoo.exports import serving\n"
        "serving.Client('http://localhost:1/v1/models/m')\n"
        "assert 'grpc' not in sys.modules\n"
        "serving.Client('grpc://localhost:1/v1/models/m')\n"
        "from zoo.exports.serving.messages import messages\n"
        "messages()\n"
        "assert 'tensorflow' not in sys.modules\n"
        "assert 'keras' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, env=os.environ)


def test_grpc_is_optional(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match="defense-zoo\\[serve\\]"):
        Client("grpc://localhost:8500/v1/models/m")


def test_refused_by_the_server(url, server):
    """What the client can't see: a file that is no picture."""
    with Client(url) as client:
        with pytest.raises(RefusedError):
            client.predict([b"junk"])
