"""Published weights as local files: in the package, the cache, on a mirror."""

import os
import warnings
from pathlib import Path
from urllib.parse import urlsplit

from zoo.weights.download import TransferError
from zoo.weights.download import file_url
from zoo.weights.download import transfer
from zoo.weights.folders import PART
from zoo.weights.folders import cache_folder
from zoo.weights.folders import lock
from zoo.weights.folders import packaged_folder
from zoo.weights.manifest import WeightFile
from zoo.weights.manifest import Weights
from zoo.weights.manifest import known_kind

_TRIES = 5


class DownloadError(OSError):
    """The weights are not available; the message says why and what to do."""


def fetch_weights(weights: Weights, *, progress: bool = True) -> Path:
    """Returns published weights as files on disk, checked by their SHA-256.

    Looks in the package, then in the cache, then downloads from the mirror.
    Several processes may call it at once. An interrupted download continues
    where it stopped.

    Environment:
        ZOO_HOME: Folder of the cache. Default: `zoo` in Keras' folder.
        ZOO_WEIGHTS_URL: Mirror to use instead of the published address:
            `https://`, `hf://owner/repo` or `file://`.
        ZOO_OFFLINE: `1` forbids the network.

    Args:
        weights: The files and their hashes.
        progress: Whether to draw a progress bar, on a terminal only.

    Returns:
        The file to load. Shards lie beside it.

    Raises:
        DownloadError: If a file is damaged and cannot be replaced, cannot be
            downloaded, or is not the published one.
    """
    packaged = packaged_folder()
    paths = [packaged / file.name for file in weights.files]
    if all(path.is_file() for path in paths):
        for file, path in zip(weights.files, paths, strict=True):
            if difference := file.difference(path):
                raise DownloadError(
                    f"`{path}` of the installed package is damaged: "
                    f"{difference}; reinstall the package."
                )
        return paths[0]
    folder = cache_folder()
    for file in weights.files:
        _ensure(file, folder / file.name, weights.uri, progress)
    return folder / weights.files[0].name


def _ensure(
    file: WeightFile, path: Path, uri: str | None, progress: bool
) -> None:
    try:
        if path.is_file() and file.matches(path):
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with lock(path):
            if path.is_file() and file.matches(path):
                return
            url = _source(file, path, uri)
            if path.exists():
                warnings.warn(
                    f"`{path}` is damaged: {file.difference(path)}; "
                    "fetching it again.",
                    stacklevel=2,
                )
                path.unlink()
            part = path.with_name(f"{path.name}{PART}")
            if part.is_symlink() or (part.exists() and not part.is_file()):
                part.unlink()  # Writing to it would write elsewhere.
            _complete(file, url, part, progress)
            os.replace(part, path)
    except DownloadError:
        raise
    except OSError as error:
        raise DownloadError(
            f"`{path}` cannot be read or written "
            f"({error.strerror or error}); set ZOO_HOME to a folder that can."
        ) from error


def _source(file: WeightFile, path: Path, uri: str | None) -> str:
    state = "is not in the cache"
    if path.exists():
        state = f"is damaged ({file.difference(path)})"
    base = os.environ.get("ZOO_WEIGHTS_URL") or uri
    if not base:
        raise DownloadError(
            f"`{path}` {state} and has no published address; put the file "
            "there or set ZOO_WEIGHTS_URL to a mirror that holds it."
        )
    try:
        url = file_url(base, file.name)
    except ValueError as error:
        raise DownloadError(str(error)) from error
    offline = os.environ.get("ZOO_OFFLINE", "").lower()
    if urlsplit(url).scheme != "file" and offline not in ("", "0", "false"):
        raise DownloadError(
            f"`{path}` {state} and ZOO_OFFLINE forbids the network; put the "
            f"file of SHA-256 {file.sha256} there or unset ZOO_OFFLINE. "
            f"Received: ZOO_OFFLINE={offline}"
        )
    return url


def _complete(file: WeightFile, url: str, part: Path, progress: bool) -> None:
    """Fills and checks `part`; a resumed file that is wrong starts afresh."""
    while True:
        resumed = part.exists()
        _fill(file, url, part, progress)
        if file.matches(part):
            return
        difference = file.difference(part)
        part.unlink()
        if not resumed:
            raise _not_published(url, difference)


def _fill(file: WeightFile, url: str, part: Path, progress: bool) -> None:
    """Fills `part`, connecting again as long as bytes keep coming."""
    for _ in range(_TRIES):
        before = _size(part)
        if before >= file.size:
            return
        reason = "the connection closed early"
        try:
            total = transfer(url, part, size=file.size, progress=progress)
        except TransferError as error:
            reason = str(error)
            total = None
        arrived = _size(part)
        # The whole file came, and it is shorter than the published one.
        whole = total is not None and arrived == total < file.size
        if whole or arrived == before:
            break
    if arrived >= file.size:
        return
    if arrived and (whole or known_kind(part)):
        difference = file.difference(part)
        part.unlink()
        raise _not_published(url, difference)
    if not arrived:
        part.unlink()
        raise DownloadError(f"`{url}` cannot be fetched: {reason}.")
    raise DownloadError(
        f"`{url}` stopped at {arrived:,} of {file.size:,} bytes: {reason}; "
        "the next call continues there."
    )


def _not_published(url: str, difference: str) -> DownloadError:
    return DownloadError(f"`{url}` is not the published file: {difference}.")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
