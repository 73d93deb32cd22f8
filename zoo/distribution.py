"""Published weights of all presets: checking them, and laying out mirrors."""

import os
import tempfile
from pathlib import Path

from zoo import presets
from zoo.loading import download
from zoo.loading import list_models
from zoo.loading import load
from zoo.weights import GrownWeights
from zoo.weights.hub import HubFolder
from zoo.weights.hub import upload
from zoo.weights.mirror import copy_to_mirror
from zoo.weights.mirror import mirror_entries
from zoo.weights.mirror import write_mirror_manifest
from zoo.weights.verify import Verification
from zoo.weights.verify import verify_files


def verify(pattern: str = "*", *, grown: bool = False) -> list[Verification]:
    """Compares published weights on this machine with their hashes.

    Every file in the package and in the cache is read. None is downloaded,
    but what a preset is grown from if `grown` is true.

    Args:
        pattern: Shell pattern of the presets, such as `irm_*`.
        grown: Whether to load the presets whose weights are grown, too, which
            takes seconds each.

    Returns:
        What was found of each file that is there, and of each grown preset.

    Raises:
        OSError: If a file cannot be read.
    """
    found = {}
    for name in list_models(pattern):
        preset = presets.get(name)
        files = preset.stored.files if preset.stored else ()
        for one in verify_files(name, files):
            found.setdefault(one.path, one)
        if grown and isinstance(preset.weights, GrownWeights):
            found[name] = Verification(None, name, _failure(name))
    return list(found.values())


def publish(directory: str | os.PathLike, pattern: str = "*") -> Path:
    """Lays out a mirror: published files, and a manifest of them.

    Any static host can serve the folder, and `ZOO_WEIGHTS_URL` name it by its
    `https://` or `file://` address. Files that are there already stay.

    Args:
        directory: Folder; made if it is not there.
        pattern: Shell pattern of the presets, such as `irm_*`. A grown preset
            brings the file that it is grown from.

    Returns:
        The manifest, `weights.json`.

    Raises:
        ValueError: If no preset with weights matches, or the folder has a
            manifest that is none.
        OSError: If the weights are not available, or cannot be copied.
    """
    folder = Path(directory)
    published = {
        name: presets.get(name)
        for name in list_models(pattern)
        if presets.get(name).stored
    }
    if not published:
        raise ValueError(
            "A preset with published weights must match. "
            f"Received: pattern={pattern!r}"
        )
    mirror_entries(folder)  # Nothing is copied beside one that is damaged.
    for name, preset in published.items():
        copy_to_mirror(folder, preset.stored, download(name))
    return write_mirror_manifest(
        folder, {name: preset.weights for name, preset in published.items()}
    )


def push(address: str, pattern: str = "*") -> None:
    """Publishes a mirror on the Hugging Face Hub, in one commit.

    Needs `huggingface_hub`, and a token that may write (`hf auth login`).

    Args:
        address: `hf://owner/repo[@branch][/folder]`. The repository is made
            if it is not there.
        pattern: As for `publish`.

    Raises:
        ImportError: If `huggingface_hub` isn't installed.
        ValueError: If the address has another form, or no preset matches.
        OSError: If the weights are not available, or the Hub refuses them.
    """
    HubFolder.parse(address)
    with tempfile.TemporaryDirectory() as folder:
        publish(folder, pattern)
        upload(Path(folder), address)


def _failure(name: str) -> str | None:
    """Says why a grown preset's weights are not the published ones."""
    try:
        load(name)
    except (OSError, ValueError) as error:
        return str(error)
    return None
