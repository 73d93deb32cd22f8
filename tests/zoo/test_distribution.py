"""Checking all weights, and mirrors that all of them come from."""

import functools
import json
import sys
import threading
import types
from http.server import SimpleHTTPRequestHandler
from http.server import ThreadingHTTPServer

import pytest

import zoo
from tests.command_line import failed
from tests.command_line import run
from tests.command_line import run_json
from zoo import presets
from zoo.cli import main
from zoo.presets import Preset
from zoo.presets import base
from zoo.weights import GrownWeights
from zoo.weights import Weights
from zoo.weights import fetch
from zoo.weights import verify
from zoo.weights.manifest import WeightFile
from zoo.weights.manifest import read_entry

CONTENTS = {
    "one.weights.h5": b"one" * 1000,
    "two.weights.json": b"index",
    "two_00000.weights.h5": b"two" * 1000,
}


@pytest.fixture(autouse=True)
def packaged(tmp_path, monkeypatch):
    """Three presets, one sharded and one grown, and their package's folder."""
    folder = tmp_path / "files"
    folder.mkdir()
    for name, content in CONTENTS.items():
        (folder / name).write_bytes(content)
    for module in (fetch, verify):
        monkeypatch.setattr(module, "packaged_folder", lambda: folder)
    monkeypatch.setenv("ZOO_HOME", str(tmp_path / "home"))
    for variable in ("ZOO_WEIGHTS_URL", "ZOO_OFFLINE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(base, "_REGISTRY", {})
    monkeypatch.setattr(base, "_ALIASES", {})
    one, *two = (WeightFile.from_path(folder / name) for name in CONTENTS)
    for name, weights in (
        ("one_net", Weights((one,), licence="MIT")),
        ("two_net", Weights(tuple(two), uri="https://example.org")),
        ("large_net", GrownWeights("one_net", 0, "ab" * 32)),
        ("bare_net", None),
    ):
        presets.register(
            Preset(
                name=name,
                builder="zoo.models.wide_resnet",
                config=dict(num_classes=2, image_shape=(8, 8, 1)),
                dataset="data",
                description="Tiny.",
                paper="https://example.org",
                weights=weights,
            )
        )
    return folder


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "home" / "weights"


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def remove_all(folder):
    for path in folder.iterdir():
        path.unlink()


def test_a_flipped_bit_is_found(capsys, packaged):
    rows = run_json(capsys, "verify")
    paths = [str(packaged / name) for name in CONTENTS]
    assert [row["path"] for row in rows] == paths
    assert all(row["problem"] is None for row in rows)
    assert run(capsys, "verify").count("as published") == 3
    flip_a_bit(packaged / "two_00000.weights.h5")
    good, index, damaged = zoo.verify()
    assert good.problem is index.problem is None
    assert damaged.path == packaged / "two_00000.weights.h5"
    assert damaged.preset == "two_net"
    assert "its SHA-256 is not" in damaged.problem
    assert main(["verify"]) == 1
    printed = capsys.readouterr()
    assert f"{damaged.path}: its SHA-256 is not" in printed.out
    assert "1 of 3 are not what was published" in printed.err
    assert [one.path for one in zoo.verify("one*")] == [good.path]


def test_the_cache_is_checked_beside_the_package(cache, packaged):
    cache.mkdir(parents=True)
    (cache / "one.weights.h5").write_bytes(b"<!DOCTYPE html>")
    (cache / "unknown.weights.h5").write_bytes(b"of an earlier version")
    problems = {one.path: one.problem for one in zoo.verify()}
    assert len(problems) == 4
    assert problems[cache / "one.weights.h5"] == "it is a web page"
    assert problems[packaged / "one.weights.h5"] is None


def test_nothing_on_this_machine_is_no_problem(capsys, packaged):
    remove_all(packaged)
    assert zoo.verify() == []
    assert run_json(capsys, "verify") == []


def test_grown_weights_are_checked_if_asked_for(monkeypatch, capsys):
    """Those of this test are no weights at all."""
    assert len(zoo.verify(grown=True)) == 4
    *_, grown = zoo.verify("large*", grown=True)
    assert (grown.path, grown.preset) == (None, "large_net")
    assert "damaged or of another format" in grown.problem
    assert main(["verify", "--grown"]) == 1
    assert "1 of 4" in capsys.readouterr().err
    monkeypatch.setattr("zoo.distribution.load", lambda name: None)
    assert run(capsys, "verify", "large*", "--grown").endswith(
        "large_net: as published\n"
    )


@pytest.fixture
def served(tmp_path):
    """A folder on this machine's own address."""
    handler = type(
        "Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *_: None}
    )
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0),
        functools.partial(handler, directory=str(tmp_path / "mirror")),
    )
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("scheme", ["file", "http"])
def test_a_mirror_fills_an_empty_cache(
    scheme, served, tmp_path, packaged, cache, monkeypatch, capsys
):
    mirror = tmp_path / "mirror"
    printed = run(capsys, "publish", mirror)
    assert printed == f"Mirror: ZOO_WEIGHTS_URL={mirror.as_uri()}\n"
    remove_all(packaged)
    address = {"file": mirror.as_uri(), "http": served}[scheme]
    monkeypatch.setenv("ZOO_WEIGHTS_URL", address)
    rows = run_json(capsys, "download", "--all")
    assert {row["name"]: row["path"] for row in rows} == {
        "large_net": str(cache / "one.weights.h5"),
        "one_net": str(cache / "one.weights.h5"),
        "two_net": str(cache / "two.weights.json"),
    }
    for name, content in CONTENTS.items():
        assert (cache / name).read_bytes() == content
    assert [one.problem for one in zoo.verify()] == [None] * 3
    # Each file is named once.
    assert run(capsys, "download", "--all").count("\n") == 2


def test_a_mirror_has_a_manifest_that_any_tool_can_read(tmp_path):
    manifest = zoo.publish(tmp_path / "mirror", "one*")
    before = manifest.read_bytes()
    assert zoo.publish(tmp_path / "mirror", "two*") == manifest
    zoo.publish(tmp_path / "mirror", "large*")
    entries = json.loads(manifest.read_text())
    assert list(entries) == ["large_net", "one_net", "two_net"]
    assert json.loads(before) == {"one_net": entries["one_net"]}
    assert read_entry(entries["one_net"]) == presets.get("one_net").weights
    assert read_entry(entries["large_net"]) == presets.get("large_net").weights
    assert read_entry(entries["two_net"]).uri is None
    names = {path.name for path in (tmp_path / "mirror").iterdir()}
    assert names == {*CONTENTS, "weights.json"}


def test_a_damaged_file_of_a_mirror_is_replaced(tmp_path):
    zoo.publish(tmp_path)
    for name in CONTENTS:
        flip_a_bit(tmp_path / name)
    zoo.publish(tmp_path)
    for name, content in CONTENTS.items():
        assert (tmp_path / name).read_bytes() == content


def test_a_damaged_package_publishes_nothing(tmp_path, packaged, capsys):
    flip_a_bit(packaged / "one.weights.h5")
    line = failed(capsys, "publish", tmp_path / "mirror", "one*")
    assert "reinstall the package" in line
    assert not (tmp_path / "mirror").exists()


def test_nothing_to_publish(tmp_path, capsys):
    line = failed(capsys, "publish", tmp_path / "mirror", "bare*")
    assert "Received: pattern='bare*'" in line
    assert not (tmp_path / "mirror").exists()


def test_pushes_a_mirror(monkeypatch, capsys):
    pushed = {}

    class HfApi:
        def __init__(self, endpoint):
            pass

        def create_repo(self, repository, exist_ok):
            pushed["repository"] = repository

        def upload_folder(self, folder_path, **options):
            pushed["files"] = {path.name for path in folder_path.iterdir()}

    module = types.ModuleType("huggingface_hub")
    module.HfApi = HfApi
    monkeypatch.setitem(sys.modules, "huggingface_hub", module)
    printed = run(capsys, "push", "hf://me/zoo", "two*")
    assert printed == "Mirror: ZOO_WEIGHTS_URL=hf://me/zoo\n"
    assert pushed == {
        "repository": "me/zoo",
        "files": {"two.weights.json", "two_00000.weights.h5", "weights.json"},
    }
    assert "hf://owner/repo" in failed(capsys, "push", "https://example.org")
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    assert "pip install" in failed(capsys, "push", "hf://me/zoo")


def test_cache(capsys, cache):
    empty = run_json(capsys, "cache")
    assert empty == {"folder": str(cache), "files": {}, "size": 0}
    cache.mkdir(parents=True)
    (cache / "one.weights.h5").write_bytes(b"x" * 2_000_000)
    shown = f"     2.0 MB  one.weights.h5\n1 files, 2.0 MB in {cache}\n"
    assert run(capsys, "cache") == shown
    assert "removed from" in run(capsys, "cache", "--clear")
    assert run_json(capsys, "cache") == empty


@pytest.mark.parametrize("arguments", [(), ("one_net", "--all")])
def test_download_takes_a_name_or_all(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        run(capsys, "download", *arguments)
    assert caught.value.code == 2


@pytest.mark.parametrize("content", ["[]", '"x"', "{", "[" * 100_000])
def test_nothing_is_copied_beside_a_damaged_manifest(tmp_path, content):
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    (mirror / "weights.json").write_text(content)
    with pytest.raises(ValueError, match="weights.json must"):
        zoo.publish(mirror, "one_net")
    assert [path.name for path in mirror.iterdir()] == ["weights.json"]
