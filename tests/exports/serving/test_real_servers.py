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

from tests.exports.serving import test_hostile_requests as hostile
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
from zoo.exports.serving.calls import Deadline

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
        for _ in range(600):
            with contextlib.suppress(UnavailableError, ServingError):
                client.versions()
                return
            assert process.poll() is None, Path(log).read_text()[-3000:]
            time.sleep(0.5)
    raise AssertionError(Path(log).read_text()[-3000:])


@contextlib.contextmanager
def running_triton(folder, home):
    """Yields hosts by protocol; an export's models bear its folder's name."""
    if importlib.util.find_spec("pytriton") is None:
        pytest.skip("needs nvidia-pytriton")
    http, rpc, metrics = free_ports(3)
    log = home / "log"
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
        hosts = {
            "http": f"http://127.0.0.1:{http}/v2/models",
            "grpc": f"grpc://127.0.0.1:{rpc}/v2/models",
        }
        for _ in range(600):  # It prints its addresses once it answers.
            if f"{hosts['grpc']}/{folder.name}" in log.read_text():
                break
            assert process.poll() is None, log.read_text()[-3000:]
            time.sleep(0.5)
        yield hosts


@pytest.fixture(scope="module")
def triton(folder, tmp_path_factory):
    with running_triton(folder, tmp_path_factory.mktemp("triton")) as hosts:
        yield hosts


@pytest.fixture(scope="module")
def noisy_triton(noisy_folder, tmp_path_factory):
    home = tmp_path_factory.mktemp("triton")
    with running_triton(noisy_folder, home) as hosts:
        yield hosts


IMAGE = {"name": "image", "datatype": "FP32", "shape": [-1, 8, 6, 3]}
FILES = {"name": "image_bytes", "datatype": "BYTES", "shape": [-1]}
SEED = {"name": "seed", "datatype": "INT64", "shape": [-1]}
LOGITS = {"name": "logits", "datatype": "FP32", "shape": [-1, 3]}
MEAN = {"name": "mean", "datatype": "FP32", "shape": [-1, 3]}


@pytest.fixture(scope="module")
def mlserver(folder, noisy_folder, tmp_path_factory):
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
    for name, version, signature, inputs, output in (
        ("tiny", folder / "3", None, [IMAGE, FILES], LOGITS),
        ("noisy", noisy_folder / "1", None, [IMAGE, FILES], LOGITS),
        ("noisy_explain", noisy_folder / "1", "explain", [IMAGE], MEAN),
        ("noisy_seeded", noisy_folder / "1", "seeded", [IMAGE, SEED], LOGITS),
    ):
        (home / name).mkdir()
        (home / name / "model-settings.json").write_text(
            json.dumps(
                {
                    "name": name,
                    "implementation": "mlserver_runtime.ExportRuntime",
                    "parameters": {
                        "uri": str(version),
                        "version": version.name,
                        "extra": {"signature": signature},
                    },
                    "inputs": inputs,
                    "outputs": [output],
                }
            )
        )
    log = home / "log"
    command = [sys.executable, "-m", "mlserver.cli.main", "start", str(home)]
    with running(
        command, log, cwd=home, env={**os.environ, "PYTHONPATH": str(home)}
    ) as process:
        hosts = {
            "http": f"http://127.0.0.1:{http}/v2/models",
            "grpc": f"grpc://127.0.0.1:{rpc}/v2/models",
        }
        for name in ("tiny", "noisy_seeded"):
            wait_for(f"{hosts['http']}/{name}", process, log)
        yield hosts


@pytest.fixture(params=["triton", "mlserver"])
def server(request):
    return request.param, request.getfixturevalue(request.param)


@pytest.fixture(params=["http", "grpc"])
def url(request, server):
    """Of the model that takes pixels."""
    return f"{server[1][request.param]}/tiny"


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


@pytest.mark.parametrize("name", hostile.FILES)
def test_a_bad_file_fails_alone(bytes_url, name):
    with Client(bytes_url) as client:
        with pytest.raises(ServingError, match=r"at place\] \[1\]"):
            client.predict([hostile.GOOD, hostile.FILES[name]])
        assert client.predict([hostile.GOOD])


def test_30_megapixels(bytes_url):
    flat = np.full((5000, 6000, 3), 100, np.uint8)
    with Client(bytes_url) as client:
        (small,) = client.predict([hostile.picture("PNG", flat[:8, :6])])
        (large,) = client.predict([hostile.picture("JPEG", flat)])
    np.testing.assert_allclose(large.logits, small.logits, atol=0.02)


@pytest.mark.parametrize("name", hostile.INPUTS)
def test_bad_pixels_fail_alone(server, url, images, name):
    """Sent past the client's own checks. MLServer's batches have no limit."""
    with Client(url) as client:
        client.predict(images)
        try:
            outputs = client._backend.run(
                "", client._signatures[""], hostile.INPUTS[name], Deadline(60)
            )
        except ServingError as error:
            assert len(str(error)) > 40
        else:
            assert (server[0], name) == ("mlserver", "10,000 images")
            assert len(outputs["logits"]) == 10_000
        assert client.predict(images)


def test_empty_batch(url, images):
    with Client(url) as client:
        client.predict(images)
        arguments = ("", client._signatures[""], {"image": images[:0]})
        try:
            outputs = client._backend.run(*arguments, Deadline(60))
        except ServingError as error:
            assert len(str(error)) > 40
        else:
            assert outputs["logits"].shape == (0, 3)
        assert client.predict(images)


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


@pytest.fixture(params=["triton", "mlserver"])
def noisy(request):
    """Returns a function from a protocol and a signature to an address."""
    name = request.param.replace("triton", "noisy_triton")
    hosts = request.getfixturevalue(name)
    return lambda protocol, suffix: f"{hosts[protocol]}/noisy{suffix}"


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_seeds_and_explanations(noisy, noisy_folder, images, protocol):
    inputs = {"image": images, "seed": np.array([5, 6])}
    with exports.SavedModelSession(noisy_folder / "1") as session:
        logits = session.run("seeded", inputs)["logits"]
    with Client(noisy(protocol, "_seeded")) as client:
        for row, one in enumerate(client.predict(images, seeds=[5, 6])):
            np.testing.assert_allclose(one.logits, logits[row], rtol=1e-5)
        (alone,) = client.predict(images[1:], seeds=6)
        np.testing.assert_allclose(alone.logits, logits[1], rtol=1e-5)
    with Client(noisy(protocol, "_explain")) as client:
        first, second = (client.explain(images) for _ in range(2))
    np.testing.assert_allclose(first["mean"], images.mean((1, 2)), rtol=1e-5)
    assert first["seen"].shape == images.shape
    assert np.max(np.abs(first["seen"] - second["seen"])) > 1e-3
