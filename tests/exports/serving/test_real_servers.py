"""The client against servers that others wrote, on this machine's CPU.

Each needs its package (`nvidia-pytriton`, `mlserver`) beside this one's, and
is skipped without it.
"""

import contextlib
import importlib.util
import json
import os
import socket
import subprocess
import sys
import sysconfig
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.exports.serving.conftest import CLASSES
from tests.paths import ROOT
from zoo import exports
from zoo.exports.serving import Client
from zoo.exports.serving import DeadlineError
from zoo.exports.serving import ModelNotFoundError
from zoo.exports.serving import RefusedError
from zoo.exports.serving import ServingError
from zoo.exports.serving import UnavailableError
from zoo.exports.serving import VersionNotFoundError

pytestmark = pytest.mark.large


def free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@contextlib.contextmanager
def running(command, log, **options):
    """Runs a server until the block ends."""
    with open(log, "wb") as sink:
        process = subprocess.Popen(
            command, stdout=sink, stderr=subprocess.STDOUT, **options
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_for(url, process, log):
    """Waits until the model answers."""
    with Client(url, retries=0) as client:
        for _ in range(240):
            with contextlib.suppress(UnavailableError, ServingError):
                client.versions()
                return
            assert process.poll() is None, Path(log).read_text()[-3000:]
            time.sleep(0.5)
    raise AssertionError(Path(log).read_text()[-3000:])


@pytest.fixture(scope="module")
def triton(folder, tmp_path_factory):
    if importlib.util.find_spec("pytriton") is None:
        pytest.skip("needs nvidia-pytriton")
    http, rpc, metrics = free_ports(3)
    log = tmp_path_factory.mktemp("triton") / "log"
    command = [sys.executable, "-m", "zoo.exports.serving.triton"]
    command += [folder, "--http-port", http, "--grpc-port", rpc]
    command += ["--metrics-port", metrics, "--max-batch", 16]
    libraries = sysconfig.get_config_var("LIBDIR")
    with running(
        list(map(str, command)),
        log,
        cwd=ROOT,
        env={**os.environ, "LD_LIBRARY_PATH": libraries},
    ) as process:
        addresses = {
            "http": f"http://127.0.0.1:{http}/v2/models/tiny",
            "grpc": f"grpc://127.0.0.1:{rpc}/v2/models/tiny",
        }
        wait_for(f"{addresses['http']}_bytes", process, log)
        yield addresses


@pytest.fixture(scope="module")
def mlserver(folder, tmp_path_factory):
    if importlib.util.find_spec("mlserver") is None:
        pytest.skip("needs mlserver")
    home = tmp_path_factory.mktemp("mlserver")
    runtime = Path(__file__).with_name("mlserver_runtime.py")
    (home / runtime.name).write_text(runtime.read_text("utf-8"), "utf-8")
    http, rpc, metrics = free_ports(3)
    (home / "settings.json").write_text(
        json.dumps(
            {
                "host": "127.0.0.1",
                "http_port": http,
                "grpc_port": rpc,
                "metrics_port": metrics,
                "parallel_workers": 0,
            }
        )
    )
    (home / "model-settings.json").write_text(
        json.dumps(
            {
                "name": "tiny",
                "implementation": "mlserver_runtime.ExportRuntime",
                "parameters": {"uri": str(folder / "3"), "version": "3"},
                "inputs": [
                    {
                        "name": "image",
                        "datatype": "FP32",
                        "shape": [-1, 8, 6, 3],
                    },
                    {"name": "image_bytes", "datatype": "BYTES", "shape": [-1]},
                ],
                "outputs": [
                    {"name": "logits", "datatype": "FP32", "shape": [-1, 3]}
                ],
            }
        )
    )
    log = home / "log"
    command = [sys.executable, "-m", "mlserver.cli.main", "start", str(home)]
    with running(command, log, cwd=home) as process:
        addresses = {
            "http": f"http://127.0.0.1:{http}/v2/models/tiny",
            "grpc": f"grpc://127.0.0.1:{rpc}/v2/models/tiny",
        }
        wait_for(addresses["http"], process, log)
        yield addresses


@pytest.fixture(params=["triton", "mlserver"])
def server(request):
    return request.param, request.getfixturevalue(request.param)


@pytest.fixture(params=["http", "grpc"])
def url(request, server):
    """Of the model that takes pixels."""
    return server[1][request.param]


@pytest.fixture
def bytes_url(server, url):
    """Of the model that takes files; MLServer has one for both."""
    return f"{url}_bytes" if server[0] == "triton" else url


def expected(folder, signature, inputs):
    with exports.SavedModelSession(folder / "3") as session:
        return session.run(signature, inputs)["logits"]


def test_pixels(url, folder, images):
    logits = expected(folder, "serving_default", {"image": images})
    with Client(url, classes=folder) as client:
        predictions = client.predict(images)
    for row, prediction in enumerate(predictions):
        np.testing.assert_allclose(prediction.logits, logits[row], rtol=1e-6)
        assert prediction.name == CLASSES[np.argmax(logits[row])]


def test_files(bytes_url, folder, images):
    files = [
        tf.io.encode_png(np.uint8(image * 255)).numpy() for image in images
    ]
    logits = expected(
        folder, "serving_bytes", {"image_bytes": np.array(files, object)}
    )
    with Client(bytes_url) as client:
        predictions = client.predict(files)
    for row, prediction in enumerate(predictions):
        np.testing.assert_allclose(prediction.logits, logits[row], rtol=1e-5)
        assert prediction.name == CLASSES[np.argmax(logits[row])]


def test_junk_fails_alone(bytes_url, images):
    good = tf.io.encode_png(np.uint8(images[0] * 255)).numpy()
    with Client(bytes_url) as client:
        for junk in (b"junk", b"", good[: len(good) // 2]):
            with pytest.raises(ServingError, match="(?i)picture|png|image"):
                client.predict([junk])
            assert client.predict([good])


def test_wrong_model(url, images):
    with Client(url.replace("tiny", "huge")) as client:
        with pytest.raises(ModelNotFoundError):
            client.predict(images)


def test_wrong_version(server, url, images):
    with Client(f"{url}/versions/7") as client:
        with pytest.raises(ModelNotFoundError) as caught:
            client.predict(images)
    if server[0] == "triton":  # MLServer tells no versions.
        assert isinstance(caught.value, VersionNotFoundError)


def test_too_many_images(server, url, images):
    if server[0] != "triton":
        pytest.skip("MLServer takes batches of any size")
    with Client(url) as client:
        with pytest.raises(RefusedError, match="batch"):
            client.predict(np.repeat(images, 5000, axis=0))
        assert client.predict(images)


def test_deadline(url, images):
    with Client(url) as client:
        client.predict(images)
        with pytest.raises(DeadlineError):
            client.predict(images, timeout=1e-5)
        assert client.predict(images)


def test_many_callers(url, folder, images):
    """Each gets its own image's answer, however requests are merged."""
    many = np.random.default_rng(1).random((16, 8, 6, 3), "float32")
    logits = expected(folder, "serving_default", {"image": many})

    def work(row):
        for _ in range(20):
            (prediction,) = client.predict(many[row : row + 1])
            np.testing.assert_allclose(
                prediction.logits, logits[row], rtol=1e-5
            )

    with Client(url) as client, ThreadPoolExecutor(16) as threads:
        for done in [threads.submit(work, row) for row in range(16)]:
            done.result()
