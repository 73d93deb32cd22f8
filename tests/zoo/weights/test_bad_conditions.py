"""Downloads from bad servers, to bad disks, killed, and all at once."""

import contextlib
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from tests.paths import ROOT
from tests.zoo.weights.mirror_server import CONTENT
from tests.zoo.weights.mirror_server import NAME
from tests.zoo.weights.mirror_server import published
from zoo.weights import DownloadError
from zoo.weights import download
from zoo.weights import fetch_weights

CUT = 5 << 16


def failure(weights):
    with pytest.raises(DownloadError) as caught:
        fetch_weights(weights)
    message = str(caught.value)
    assert "\n" not in message
    return message


def names(folder):
    return {path.name for path in folder.iterdir() if path.suffix != ".lock"}


@pytest.fixture
def impatient(monkeypatch):
    """Waits 0.4 seconds, not 30."""
    monkeypatch.setattr(download, "_PATIENCE", 0.4)


def test_a_stalling_server_is_named(server, cache, impatient):
    server.cut, server.drip = 1000, 60
    message = failure(published(server.url))
    assert f"`{server.url}/{NAME}` stopped at 5,000 of 819,200 bytes: " in (
        message
    )
    assert "the server has sent nothing for 0.4 s" in message
    assert names(cache) == {f"{NAME}.part"}
    server.drip = server.cut = None
    assert fetch_weights(published(server.url)).read_bytes() == CONTENT
    assert names(cache) == {NAME}


def test_a_slow_server_is_named(server, cache, impatient):
    """Bytes keep coming, so no single read of the socket times out."""
    server.cut, server.drip = 1000, 0.02
    message = failure(published(server.url))
    assert f"{server.url}/{NAME}" in message
    assert "bytes a second; the next call continues there" in message
    assert len(server.ranges) == 5
    server.drip = server.cut = None
    assert fetch_weights(published(server.url)).read_bytes() == CONTENT


def test_a_server_that_does_not_answer_is_named(server, cache, impatient):
    server.delay = 1
    message = failure(published(server.url))
    assert "cannot be fetched: the server does not answer" in message
    assert names(cache) == set()
    server.delay = 0
    assert fetch_weights(published(server.url)).is_file()


def test_a_full_disk(server, cache):
    """As a limit on the size of files, which fails the same write."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (CUT, limits[1]))
    try:
        message = failure(published(server.url))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert f"`{cache / NAME}` cannot be read or written" in message
    assert "File too large" in message
    assert "ZOO_HOME" in message
    assert names(cache) == {f"{NAME}.part"}
    assert fetch_weights(published(server.url)).read_bytes() == CONTENT
    assert server.ranges == [None, f"bytes={CUT}-"]


@contextlib.contextmanager
def reader():
    """Makes root somebody who may write nothing of root's."""
    import filelock  # While its files may be read.

    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield filelock
    finally:
        if root:
            os.seteuid(0)


def test_a_read_only_cache(server, monkeypatch):
    weights = published(server.url)
    with tempfile.TemporaryDirectory() as home:
        monkeypatch.setenv("ZOO_HOME", home)
        cache = Path(home, "weights")
        cache.mkdir()
        for folder in (cache.parent, cache):
            folder.chmod(0o555)
        with reader():
            message = failure(weights)
        assert f"`{cache / NAME}` cannot be read or written" in message
        assert "Permission denied" in message
        assert server.ranges == []
        cache.chmod(0o755)
        path = fetch_weights(weights)
        cache.chmod(0o555)
        with reader():
            assert fetch_weights(weights) == path
        for folder in (cache.parent, cache):
            folder.chmod(0o755)


def test_a_killed_download_is_continued(server, cache):
    server.cut, server.drip = CUT, 60
    weights = published(server.url)
    code = f"from zoo.weights import *\nfetch_weights({weights!r})"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    part = cache / f"{NAME}.part"
    while not part.exists() or part.stat().st_size < CUT:
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    server.drip = server.cut = None
    assert fetch_weights(published(server.url)).read_bytes() == CONTENT
    assert server.ranges == [None, f"bytes={CUT}-"]
    assert names(cache) == {NAME}


TWENTY = """
import json, multiprocessing, sys
import requests, rich.progress, urllib3  # Each child would import them.
from zoo.weights import *
weights = {weights!r}

def load(barrier, answers):
    barrier.wait()
    path = fetch_weights(weights)
    answers.put((str(path), weights.files[0].matches(path)))

context = multiprocessing.get_context("fork")
barrier, answers = context.Barrier(20), context.SimpleQueue()
processes = [
    context.Process(target=load, args=(barrier, answers)) for _ in range(20)
]
for process in processes:
    process.start()
print(json.dumps([answers.get() for _ in processes]))
for process in processes:
    process.join()
"""


def test_twenty_processes_download_once(server, cache):
    server.delay = 0.2
    printed = subprocess.run(
        [sys.executable, "-c", TWENTY.format(weights=published(server.url))],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
        timeout=50,
    )
    assert json.loads(printed.stdout) == [[str(cache / NAME), True]] * 20
    assert len(server.ranges) == 1
    assert names(cache) == {NAME}


def answering(*parts, pause=0.0):
    """Returns the address of a server that answers so without end."""

    def serve():
        while True:
            try:
                connection = listener.accept()[0]
            except OSError:  # It is closed.
                return
            with connection, contextlib.suppress(OSError):
                connection.recv(1 << 16)
                connection.sendall(parts[0])
                while True:
                    connection.sendall(parts[1])
                    time.sleep(pause)

    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=serve, daemon=True).start()
    return listener, f"http://127.0.0.1:{listener.getsockname()[1]}"


OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("parts", "pause"),
    [
        ((OK + b"X: ", b"a"), 0.05),
        ((b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100), 0),
        (
            (
                OK + b"Content-Encoding: deflate\r\n\r\n\x78\x9c",
                b"\x00\x00\x00\xff\xff" * 1000,
            ),
            0,
        ),
        (
            (
                OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n",
                b"A: b\r\n" * 1000,
            ),
            0,
        ),
    ],
    ids=["headers", "continue", "empty blocks", "trailers"],
)
def test_answers_without_end_are_broken_off(cache, impatient, parts, pause):
    """No read of the socket times out, and none of the file arrives."""
    listener, address = answering(*parts, pause=pause)
    with listener:
        message = failure(published(address))
    assert "something else than the file" in message


def test_what_is_no_http_is_told(cache):
    listener, address = answering(b"HELLO\r\n\r\n", b"")
    with listener:
        message = failure(published(address))
    assert "cannot be fetched: the server's answer is no HTTP" in message
