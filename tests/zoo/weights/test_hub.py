"""The Hugging Face Hub: whose token goes where, and uploads."""

import sys
import types

import pytest

from tests.zoo.weights.mirror_server import CONTENT
from tests.zoo.weights.mirror_server import NAME
from tests.zoo.weights.mirror_server import published
from zoo.weights import fetch_weights
from zoo.weights import hub


@pytest.fixture
def api(monkeypatch):
    """Stands for the Hub's client; returns what was asked of it."""
    calls = []

    class HfApi:
        def __init__(self, endpoint):
            self.endpoint = endpoint

        def create_repo(self, *arguments, **options):
            calls.append((self.endpoint, *arguments, options))

        def upload_folder(self, **options):
            files = sorted(p.name for p in options["folder_path"].iterdir())
            calls.append(options | {"files": files})

    module = types.ModuleType("huggingface_hub")
    module.HfApi = HfApi
    monkeypatch.setitem(sys.modules, "huggingface_hub", module)
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    return calls


def test_uploads_in_one_commit(api, tmp_path):
    (tmp_path / NAME).write_bytes(CONTENT)
    hub.upload(tmp_path, "hf://me/zoo@v1/some/folder")
    repository, commit = api
    assert repository == (
        "https://huggingface.co",
        "me/zoo",
        {"exist_ok": True},
    )
    assert commit["repo_id"] == "me/zoo"
    assert commit["revision"] == "v1"
    assert commit["path_in_repo"] == "some/folder"
    assert commit["files"] == [NAME]


def test_a_refused_upload_is_one_line(api, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise RuntimeError("403 Forbidden:\n\n  you may not write")

    monkeypatch.setattr(
        sys.modules["huggingface_hub"].HfApi, "upload_folder", refuse
    )
    with pytest.raises(OSError) as caught:
        hub.upload(tmp_path, "hf://me/zoo")
    assert str(caught.value) == (
        "`hf://me/zoo` cannot be written: 403 Forbidden: you may not write"
    )


def test_an_upload_without_the_client_says_what_to_install(
    tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ImportError, match="pip install huggingface_hub"):
        hub.upload(tmp_path, "hf://me/zoo")
    with pytest.raises(ValueError, match="Received: 'hf://me'"):
        hub.upload(tmp_path, "hf://me")


def test_downloads_without_the_client(server, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    server.files[f"me/zoo/resolve/main/{NAME}"] = CONTENT
    assert fetch_weights(published("hf://me/zoo")).read_bytes() == CONTENT
    assert server.tokens == [None]


def test_the_hub_alone_is_shown_the_users_token(server, monkeypatch):
    pytest.importorskip("huggingface_hub")
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    server.files[f"me/zoo/resolve/main/{NAME}"] = CONTENT
    fetch_weights(published("hf://me/zoo"))
    assert server.tokens == ["Bearer hf_secret"]
    monkeypatch.setenv("HF_ENDPOINT", f"{server.url}.example.org")
    server.files["other.weights.h5"] = CONTENT
    fetch_weights(published(server.url, name="other.weights.h5"))
    assert server.tokens[1:] == [None]
