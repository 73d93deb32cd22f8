"""Addresses: from a mirror and a file name to a URL."""

import os
from urllib.parse import quote
from urllib.parse import urlsplit


def file_url(base: str, name: str) -> str:
    """Tells where a mirror keeps a file.

    Args:
        base: Folder: `https://host/folder`, `http://host/folder`,
            `file:///folder`, or `hf://owner/repo[@revision][/folder]` for a
            repository of the Hugging Face Hub (`HF_ENDPOINT` moves the Hub).
        name: Name of the file in that folder.

    Returns:
        An `https://`, `http://` or `file://` URL.

    Raises:
        ValueError: If `base` has another form.
    """
    base = base.rstrip("/")
    scheme, separator, rest = base.partition("://")
    if scheme == "hf" and separator:
        return _hub_url(base, rest.split("/"), name)
    parts = urlsplit(base)
    if parts.scheme == "file" and parts.netloc not in ("", "localhost"):
        raise ValueError(
            "A `file://` address must be absolute, as in "
            f"`file:///folder`. Received: {base!r}"
        )
    known = parts.scheme == "file" and parts.path
    if not known and not (parts.scheme in ("https", "http") and parts.netloc):
        raise ValueError(
            "An address of weights must begin with `https://`, `http://`, "
            f"`hf://owner/repo` or `file:///`. Received: {base!r}"
        )
    return f"{base}/{quote(name)}"


def _hub_url(base: str, parts: list[str], name: str) -> str:
    if len(parts) < 2 or not all(parts):
        raise ValueError(
            "A Hugging Face address must be "
            f"`hf://owner/repo[@revision][/folder]`. Received: {base!r}"
        )
    owner, repository, *folders = parts
    repository, _, revision = repository.partition("@")
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    path = "/".join(map(quote, (*folders, name)))
    return (
        f"{endpoint.rstrip('/')}/{quote(owner)}/{quote(repository)}/resolve/"
        f"{quote(revision or 'main', safe='')}/{path}"
    )
