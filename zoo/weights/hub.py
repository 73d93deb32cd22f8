"""Folders on the Hugging Face Hub: their addresses, and uploads to them."""

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote


@dataclass(frozen=True)
class HubFolder:
    """A folder of a model repository.

    Args:
        repository: `owner/repo`.
        revision: Branch, tag or commit.
        path: Folder in the repository, empty for its root.
    """

    repository: str
    revision: str
    path: str

    @classmethod
    def parse(cls, address: str) -> "HubFolder":
        """Reads `hf://owner/repo[@revision][/folder]`.

        Raises:
            ValueError: If the address has another form.
        """
        scheme, _, rest = address.rstrip("/").partition("://")
        parts = rest.split("/")
        if scheme != "hf" or len(parts) < 2 or not all(parts):
            raise ValueError(
                "A Hugging Face address must be "
                f"`hf://owner/repo[@revision][/folder]`. Received: {address!r}"
            )
        owner, repository, *folders = parts
        repository, _, revision = repository.partition("@")
        return cls(
            f"{owner}/{repository}", revision or "main", "/".join(folders)
        )

    def url(self, name: str) -> str:
        """Returns the address of a file in the folder."""
        path = f"{self.path}/{name}" if self.path else name
        return (
            f"{_endpoint()}/{quote(self.repository)}/resolve/"
            f"{quote(self.revision, safe='')}/{quote(path)}"
        )


def hub_headers(url: str) -> dict[str, str]:
    """Returns the request headers that show the Hub the user's token.

    Private repositories need it (`hf auth login`). There are none for other
    addresses than the Hub's, or if `huggingface_hub` isn't installed.
    """
    if not url.startswith(f"{_endpoint()}/"):
        return {}
    try:
        from huggingface_hub import constants
        from huggingface_hub import get_token
    except ImportError:
        return {}
    hidden = constants.HF_HUB_DISABLE_IMPLICIT_TOKEN
    token = None if hidden else get_token()
    return {"Authorization": f"Bearer {token}"} if token else {}


def upload(folder: Path, address: str) -> None:
    """Uploads a folder's files in one commit; makes the repository if needed.

    Args:
        folder: Folder of files.
        address: `hf://owner/repo[@branch][/folder]`.

    Raises:
        ImportError: If `huggingface_hub` isn't installed.
        ValueError: If the address has another form.
        OSError: If the Hub refuses or cannot be reached.
    """
    hub = HubFolder.parse(address)
    try:
        from huggingface_hub import HfApi
    except ImportError as error:
        raise ImportError(
            "An upload to the Hugging Face Hub needs `huggingface_hub`; "
            "pip install huggingface_hub, then `hf auth login`. "
            f"Received: address={address!r}"
        ) from error
    api = HfApi(endpoint=_endpoint())
    try:
        api.create_repo(hub.repository, exist_ok=True)
        api.upload_folder(
            folder_path=folder,
            repo_id=hub.repository,
            revision=hub.revision,
            path_in_repo=hub.path or None,
            commit_message="Publish weights",
        )
    except Exception as error:  # Its HTTP library's errors have no one base.
        reason = " ".join(str(error).split())
        raise OSError(f"`{address}` cannot be written: {reason}") from error


def _endpoint() -> str:
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    return endpoint.rstrip("/")
