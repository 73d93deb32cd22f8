"""Addresses of weight files."""

import pytest

from zoo.weights.download import file_url

NAME = "a.weights.h5"
HUB = "https://huggingface.co"


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("https://host/folder", f"https://host/folder/{NAME}"),
        ("https://host/folder/", f"https://host/folder/{NAME}"),
        ("http://127.0.0.1:8000", f"http://127.0.0.1:8000/{NAME}"),
        ("file:///srv/zoo", f"file:///srv/zoo/{NAME}"),
        ("file://localhost/srv", f"file://localhost/srv/{NAME}"),
        ("hf://me/zoo", f"{HUB}/me/zoo/resolve/main/{NAME}"),
        ("hf://me/zoo/", f"{HUB}/me/zoo/resolve/main/{NAME}"),
        ("hf://me/zoo@v1/irm", f"{HUB}/me/zoo/resolve/v1/irm/{NAME}"),
    ],
)
def test_places(base, url, monkeypatch):
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    assert file_url(base, NAME) == url


def test_hub_may_be_moved(monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.example.org/")
    assert file_url("hf://me/zoo", NAME) == (
        f"https://hub.example.org/me/zoo/resolve/main/{NAME}"
    )


def test_names_are_escaped():
    assert file_url("https://host", "a b#1") == "https://host/a%20b%231"


@pytest.mark.parametrize(
    "base",
    [
        "/srv/zoo",
        "file://relative/folder",
        "file://",
        "https://",
        "s3://b/k",
        "hf://me",
        "hf://me//zoo",
        "",
    ],
)
def test_bad_addresses(base):
    with pytest.raises(ValueError, match="Received: "):
        file_url(base, NAME)
