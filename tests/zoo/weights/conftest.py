"""A server on this machine, and an empty cache."""

import threading
from http.server import ThreadingHTTPServer

import pytest

from tests.zoo.weights.mirror_server import CONTENT
from tests.zoo.weights.mirror_server import NAME
from tests.zoo.weights.mirror_server import Handler


@pytest.fixture
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.files = {NAME: CONTENT}
    server.ranges = []
    server.tokens = []
    server.accepts_ranges = True
    server.tells_length = True
    server.encoding = None
    server.cut = None
    server.delay = 0
    # Seconds before each byte after the cut; `None` ends the answer there.
    server.drip = None
    server.stopped = threading.Event()
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.stopped.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    for variable in ("ZOO_WEIGHTS_URL", "ZOO_OFFLINE", "KERAS_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("ZOO_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "weights"
