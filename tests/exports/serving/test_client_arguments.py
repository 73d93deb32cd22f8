"""What a client refuses before it sends anything."""

import os

import numpy as np
import pytest

from zoo.exports.serving import Client
from zoo.exports.serving import request_inputs

IMAGES = np.full((2, 4, 4, 1), 0.5, "float32")
URL = "http://127.0.0.1:9/v1/models/m"


@pytest.mark.parametrize(
    "timeout", [0, -1, float("nan"), float("inf"), 1e9, True, "1", None]
)
def test_wrong_timeouts(timeout):
    with pytest.raises(ValueError, match="`timeout` must be"):
        Client(URL, timeout=timeout)


@pytest.mark.parametrize(
    "headers",
    [{"A": "b\r\nC: d"}, {"A b": "c"}, {"A": "ä"}, {"A": 1}, {"": "a"}],
)
def test_wrong_headers(headers):
    with pytest.raises(ValueError, match="`headers` must be"):
        Client(URL, headers=headers)


def test_wrong_certificates(tmp_path):
    junk = tmp_path / "junk.pem"
    junk.write_text("no certificate")
    for path in (junk, tmp_path, tmp_path / "none.pem"):
        with pytest.raises(ValueError, match="`certificates` must be"):
            Client(URL.replace("http", "https"), certificates=path)


def test_files_that_are_none(tmp_path):
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)
    with Client(URL) as client:
        for path in (pipe, "/dev/zero", tmp_path):
            with pytest.raises(OSError, match="Only regular files"):
                client.predict([b"1", path])
        for images in ([b"1", IMAGES[0]], [IMAGES[0], b"1"]):
            with pytest.raises(ValueError, match="bytes or its path.*ndarray"):
                client.predict(images)


def test_a_file_without_end(tmp_path, monkeypatch):
    """One of `/proc` is regular, of size 0, and may be of any length."""
    monkeypatch.setattr(request_inputs, "_LARGEST_FILE", 10)
    with Client(URL) as client:
        with pytest.raises(ValueError, match="at most 10 bytes.*in place 0"):
            client.predict(["/proc/cpuinfo"])


@pytest.mark.parametrize("seeds", [-1, [0, -1], 2**63])
def test_seeds_out_of_range(seeds):
    with Client(URL) as client:
        with pytest.raises(ValueError, match="`seeds` must be from 0 to"):
            client.predict(IMAGES, seeds=seeds)


@pytest.mark.parametrize("seeds", [True, 1.5, "1", [1, 2, 3], 2**64, None])
def test_seeds_of_another_kind(seeds):
    with Client(URL) as client:
        with pytest.raises(ValueError, match="`seeds` must be a whole"):
            client.predict(IMAGES, seeds=[seeds])
