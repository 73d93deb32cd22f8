"""Downloads from a local server that can misbehave."""

import os

import pytest

from tests.zoo.weights.mirror_server import CONTENT
from tests.zoo.weights.mirror_server import NAME
from tests.zoo.weights.mirror_server import described
from tests.zoo.weights.mirror_server import published
from zoo.weights import DownloadError
from zoo.weights import Weights
from zoo.weights import cache_folder
from zoo.weights import fetch
from zoo.weights import fetch_weights

CHUNK = 1 << 16
LFS_POINTER = (
    b"version https://git-lfs.github.com/spec/v1\n"
    b"oid sha256:" + b"0123456789abcdef" * 4 + b"\nsize 819200\n"
)
HTML = b"<!DOCTYPE html><html><body>Sign in to continue.</body></html>"


def leftovers(cache):
    return {path.name for path in cache.iterdir() if path.suffix != ".lock"}


def place(cache, name, content):
    cache.mkdir(parents=True)
    (cache / name).write_bytes(content)


def failure(weights):
    with pytest.raises(DownloadError) as caught:
        fetch_weights(weights)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_downloads_once(server, cache):
    weights = published(server.url)
    path = fetch_weights(weights)
    assert path == cache / NAME
    assert path.read_bytes() == CONTENT
    assert fetch_weights(weights) == path
    assert server.ranges == [None]
    assert leftovers(cache) == {NAME}


@pytest.mark.parametrize("progress", [True, False])
def test_progress_is_drawn_on_terminals_only(
    server, progress, monkeypatch, capsys
):
    fetch_weights(published(server.url), progress=progress)
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("FORCE_COLOR", "1")
    server.files["other.weights.h5"] = CONTENT
    other = published(server.url, name="other.weights.h5")
    fetch_weights(other, progress=progress)
    drawn = capsys.readouterr()
    assert ("other.weights.h5" in drawn.err) == progress
    assert drawn.out == ""


def test_mirror_replaces_the_published_address(server, monkeypatch):
    monkeypatch.setenv("ZOO_WEIGHTS_URL", server.url)
    path = fetch_weights(published("http://127.0.0.1:9/unused"))
    assert path.read_bytes() == CONTENT


def test_copies_from_a_folder_even_offline(tmp_path, monkeypatch):
    mirror = tmp_path / "mirror with space"
    mirror.mkdir()
    (mirror / NAME).write_bytes(CONTENT)
    monkeypatch.setenv("ZOO_WEIGHTS_URL", mirror.as_uri())
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    assert fetch_weights(published()).read_bytes() == CONTENT


def test_missing_file_of_a_folder(tmp_path, cache):
    message = failure(published(tmp_path.as_uri()))
    assert "No such file" in message
    assert leftovers(cache) == set()


def test_fetches_shards_beside_their_index(server, cache):
    names = ("net.weights.json", "net_00000.weights.h5", "net_00001.weights.h5")
    files = []
    for name in names:
        server.files[name] = name.encode() * 10
        files.append(described(name, server.files[name]))
    path = fetch_weights(Weights(tuple(files), uri=server.url))
    assert path == cache / names[0]
    for name in names:
        assert (cache / name).read_bytes() == server.files[name]


@pytest.mark.parametrize("tells_length", [True, False])
def test_cut_connections_are_continued(server, tells_length):
    server.cut = 5 * CHUNK
    server.tells_length = tells_length
    path = fetch_weights(published(server.url))
    assert path.read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=327680-", "bytes=655360-"]


def test_truncation_is_an_error_and_the_next_call_continues(server, cache):
    server.cut = CHUNK
    message = failure(published(server.url))
    assert "stopped at 327,680 of 819,200 bytes" in message
    assert leftovers(cache) == {f"{NAME}.part"}
    server.cut = None
    server.ranges.clear()
    assert fetch_weights(published(server.url)).read_bytes() == CONTENT
    assert server.ranges == ["bytes=327680-"]
    assert leftovers(cache) == {NAME}


def test_truncated_at_the_source(server, cache):
    weights = published(server.url)
    server.files[NAME] = CONTENT[:-1]
    assert "of 819,200 bytes" in failure(weights)
    assert NAME not in leftovers(cache)


def test_server_without_ranges_starts_over(server, cache):
    place(cache, f"{NAME}.part", CONTENT[:1000])
    server.accepts_ranges = False
    assert fetch_weights(published(server.url)).read_bytes() == CONTENT
    assert server.ranges == ["bytes=1000-"]


def test_partial_file_of_another_version_starts_over(server, cache):
    place(cache, f"{NAME}.part", b"x" * 1000)
    assert fetch_weights(published(server.url)).read_bytes() == CONTENT
    assert server.ranges == ["bytes=1000-", None]


def test_complete_partial_file_needs_no_download(server, cache):
    place(cache, f"{NAME}.part", CONTENT)
    assert fetch_weights(published(server.url)).read_bytes() == CONTENT
    assert server.ranges == []


def test_overlong_partial_file_starts_over(server, cache):
    place(cache, f"{NAME}.part", CONTENT * 2)
    assert fetch_weights(published(server.url)).read_bytes() == CONTENT
    assert server.ranges == [None]


@pytest.mark.parametrize("encoding", ["chunked", "gzip"])
def test_encoded_answers(server, encoding):
    server.encoding = encoding
    assert fetch_weights(published(server.url)).read_bytes() == CONTENT


def test_unsatisfiable_range(server, cache):
    """The server's file is shorter than the partial one."""
    place(cache, f"{NAME}.part", b"x" * 5000)
    server.files[NAME] = b"short"
    failure(published(server.url))
    assert NAME not in leftovers(cache)


def test_wrong_content(server, cache):
    server.files[NAME] = CONTENT[::-1]
    message = failure(published(server.url))
    assert "not the published file" in message
    assert "SHA-256" in message
    assert leftovers(cache) == set()


def test_endless_content_is_cut_off(server, cache):
    server.files[NAME] = CONTENT * 10
    assert "more than 819,200 bytes" in failure(published(server.url))
    assert leftovers(cache) == set()


@pytest.mark.parametrize("length", [len(HTML), len(CONTENT), 1_000_000])
def test_web_page_instead_of_the_file(server, cache, length):
    server.files[NAME] = HTML.ljust(length)
    assert "web page" in failure(published(server.url))
    assert leftovers(cache) == set()


@pytest.fixture(params=["http", "http without a length", "file"])
def mirror(request, server, tmp_path):
    """Puts a file on a mirror and returns the mirror's address."""
    server.tells_length = request.param == "http"

    def put(content):
        if request.param == "file":
            (tmp_path / "mirror").mkdir()
            (tmp_path / "mirror" / NAME).write_bytes(content)
            return (tmp_path / "mirror").as_uri()
        server.files[NAME] = content
        return server.url

    return put


@pytest.mark.parametrize("size", [len(CONTENT), 100])
def test_lfs_pointer_instead_of_the_file(mirror, cache, size):
    """Of a published file that is longer, as ever, or shorter."""
    message = failure(published(mirror(LFS_POINTER), content=CONTENT[:size]))
    assert "not the published file: it is a Git LFS pointer" in message
    assert "git lfs pull" in message
    assert leftovers(cache) == set()


def test_a_whole_file_that_is_too_short(server, cache, tmp_path):
    """It is no broken connection, so nothing is asked for twice."""
    server.files[NAME] = CONTENT[:1000]
    message = failure(published(server.url))
    assert "it has 1,000 of 819,200 bytes" in message
    assert leftovers(cache) == set()
    assert server.ranges == [None]
    (tmp_path / NAME).write_bytes(CONTENT[:1000])
    message = failure(published(tmp_path.as_uri()))
    assert "it has 1,000 of 819,200 bytes" in message
    assert leftovers(cache) == set()


def test_a_resumed_file_that_turns_out_too_short(server, cache):
    place(cache, f"{NAME}.part", CONTENT[:400])
    server.files[NAME] = CONTENT[:1000]
    message = failure(published(server.url))
    assert "it has 1,000 of 819,200 bytes" in message
    assert leftovers(cache) == set()
    assert server.ranges == ["bytes=400-"]


def test_lfs_pointer_in_the_cache(server, cache):
    place(cache, NAME, LFS_POINTER)
    with pytest.warns(UserWarning, match="is damaged: it is a Git LFS pointer"):
        path = fetch_weights(published(server.url))
    assert path.read_bytes() == CONTENT


def test_lfs_pointer_in_the_cache_offline(cache, monkeypatch):
    place(cache, NAME, LFS_POINTER)
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    assert "Git LFS pointer" in failure(published("https://example.org"))


def test_not_found(server, cache):
    message = failure(published(f"{server.url}/nowhere"))
    assert "HTTP 404 Not Found" in message
    assert f"{server.url}/nowhere/{NAME}" in message
    assert leftovers(cache) == set()


def test_no_server(cache):
    message = failure(published("http://127.0.0.1:9"))
    assert "no connection" in message
    assert leftovers(cache) == set()


def test_damaged_cache_is_reported_and_fetched_again(server, cache):
    place(cache, NAME, CONTENT[:-1] + b"?")
    with pytest.warns(UserWarning, match=f"{NAME}` is damaged"):
        path = fetch_weights(published(server.url))
    assert path.read_bytes() == CONTENT


def test_damaged_cache_does_not_survive_a_failed_download(server, cache):
    place(cache, NAME, b"damaged")
    del server.files[NAME]
    with pytest.warns(UserWarning, match="damaged"):
        failure(published(server.url))
    assert leftovers(cache) == set()


def test_damaged_cache_is_refused_offline(cache, monkeypatch):
    place(cache, NAME, b"damaged")
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    message = failure(published("https://example.org"))
    assert "is damaged" in message
    assert "Received: ZOO_OFFLINE=" in message


@pytest.mark.parametrize("value", ["1", "true", "yes"])
def test_offline_names_the_file_and_its_place(cache, monkeypatch, value):
    monkeypatch.setenv("ZOO_OFFLINE", value)
    weights = published("https://example.org")
    message = failure(weights)
    assert str(cache / NAME) in message
    assert weights.sha256 in message
    place_again = cache / NAME
    place_again.write_bytes(CONTENT)
    assert fetch_weights(weights) == place_again


@pytest.mark.parametrize("value", ["", "0", "false"])
def test_offline_may_be_switched_off(server, monkeypatch, value):
    monkeypatch.setenv("ZOO_OFFLINE", value)
    assert fetch_weights(published(server.url)).is_file()


def test_no_address():
    message = failure(published())
    assert "ZOO_WEIGHTS_URL" in message
    assert NAME in message


def test_bad_mirror(monkeypatch):
    monkeypatch.setenv("ZOO_WEIGHTS_URL", "s3://bucket")
    assert "s3://bucket" in failure(published())


def test_cache_that_cannot_be_made(server, tmp_path, monkeypatch):
    (tmp_path / "taken").write_text("a file, not a folder")
    monkeypatch.setenv("ZOO_HOME", str(tmp_path / "taken"))
    assert "ZOO_HOME" in failure(published(server.url))
    assert server.ranges == []


def test_default_cache_is_beside_keras(monkeypatch, tmp_path):
    monkeypatch.delenv("ZOO_HOME")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    assert cache_folder() == tmp_path / "keras" / "zoo" / "weights"
    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".keras" / "zoo" / "weights"


def test_packaged_file_comes_first(tmp_path, cache, monkeypatch):
    place(tmp_path / "files", NAME, CONTENT)
    monkeypatch.setattr(fetch, "packaged_folder", lambda: tmp_path / "files")
    weights = published("https://example.org")
    assert fetch_weights(weights) == tmp_path / "files" / NAME
    assert not cache.exists()
    (tmp_path / "files" / NAME).write_bytes(b"damaged")
    message = failure(weights)
    assert "it has 7 of 819,200 bytes" in message
    assert "reinstall" in message
    (tmp_path / "files" / NAME).write_bytes(LFS_POINTER)
    assert "it is a Git LFS pointer" in failure(weights)


def test_a_link_in_the_place_of_a_part_is_not_written_through(
    server, cache, tmp_path
):
    other = tmp_path / "other.txt"
    other.write_text("precious")
    cache.mkdir(parents=True)
    (cache / f"{NAME}.part").symlink_to(other)
    path = fetch_weights(published(server.url))
    assert path.read_bytes() == CONTENT and not path.is_symlink()
    assert other.read_text() == "precious"


@pytest.mark.parametrize("name", [f"{NAME}.part", NAME])
def test_a_pipe_in_the_place_of_a_file_is_replaced(server, cache, name):
    cache.mkdir(parents=True)
    os.mkfifo(cache / name)
    if name == NAME:
        with pytest.warns(UserWarning, match="it is no regular file"):
            path = fetch_weights(published(server.url))
    else:
        path = fetch_weights(published(server.url))
    assert path.read_bytes() == CONTENT


def test_a_pipe_on_a_mirror_is_told(cache, tmp_path):
    os.mkfifo(tmp_path / NAME)
    message = failure(published(tmp_path.as_uri()))
    assert "cannot be fetched: it is a pipe" in message


def test_a_broken_address_is_told(cache):
    message = failure(published("http://[::1/"))
    assert "must be a URL" in message and "Received: 'http://[::1'" in message
