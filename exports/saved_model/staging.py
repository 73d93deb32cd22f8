"""Versions of a model that appear whole or not at all."""

import contextlib
import ctypes
import fcntl
import os
import pathlib
import re
import shutil
import time
import uuid
from collections.abc import Iterator

import tensorflow as tf

_REPLACED = "-replaced"
"""Ends the name of an old version that was moved away, whole."""
_HIDDEN = re.compile(rf"\.(\d+)-[0-9a-f]{{32}}({_REPLACED})?")
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2
"""Of Linux' `renameat2`."""

_LARGEST_VERSION = 2**63 - 1
_STALE_SECONDS = 24 * 60 * 60
"""After which the hidden folder of an export isn't in use any more."""


def local_folder(path: str | os.PathLike) -> pathlib.Path:
    """Returns an absolute path; raises a `ValueError` for an address."""
    if "://" in os.fspath(path):
        raise ValueError(
            "An export must be written to a local folder, and copied to other "
            f"storage from there. Received: path={os.fspath(path)!r}"
        )
    return pathlib.Path(path).absolute()


@contextlib.contextmanager
def staged_version(
    path: str | os.PathLike, version: int, *, overwrite: bool = False
) -> Iterator[pathlib.Path]:
    """Yields an empty directory that becomes `<path>/<version>` at the end.

    A server that watches `path` sees the finished version or none. If the
    body raises, every directory made on the way is removed again. What an
    export that was killed left is removed a day later.

    An old version changes places with the one that replaces it, where the
    system can do this (Linux, on local disks). Elsewhere there is none for a
    moment, so a running server should be given a new one; if the export is
    killed in that moment, the next one puts the old version back. Of several
    processes that export one version at once the first puts its own in place;
    the others fail or, with `overwrite`, replace it whole, one after the other.

    Args:
        path: Directory of the model; made if it does not exist.
        version: A whole number from 1 to 2^63 - 1; servers take the highest.
        overwrite: Whether an existing version is replaced.

    Raises:
        FileExistsError: If the version exists, unless `overwrite`.
        OSError: If the directory cannot be written.
        ValueError: If `version` is no such number.
    """
    check_version(version)
    path = pathlib.Path(path).absolute()
    target = path / str(version)
    hidden = f".{version}-{uuid.uuid4().hex}"
    staging, replaced = path / hidden, path / f"{hidden}{_REPLACED}"
    created = [p for p in (path, *path.parents) if not os.path.lexists(p)]
    # Not `Path.exists`, which raises below a directory it may not search.
    try:
        with writing_to(path):
            _tidy(path)
        _check_free(target, overwrite)
        with writing_to(path):
            # Not `tempfile`: the server's user must be able to read it.
            staging.mkdir(parents=True)
        yield staging
        with _locked(path):
            _check_free(target, overwrite)
            with writing_to(path):
                _put_in_place(staging, target, replaced)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        for directory in created:
            with contextlib.suppress(OSError):
                directory.rmdir()
        raise
    for old in (staging, replaced):
        _discard(old)


def check_version(version: int) -> None:
    """Refuses what isn't a version's number for every server.

    TensorFlow Serving counts in 64 bits; Triton begins at 1.

    Raises:
        ValueError: If it is no whole number from 1 to 2^63 - 1.
    """
    whole = isinstance(version, int) and not isinstance(version, bool)
    if not whole or not 1 <= version <= _LARGEST_VERSION:
        raise ValueError(
            "`version` must be a whole number from 1 to 2^63 - 1. "
            f"Received: version={version!r:.100}"
        )


@contextlib.contextmanager
def _locked(path: pathlib.Path) -> Iterator[None]:
    """Holds a directory while other processes wait for it."""
    directory = os.open(path, os.O_RDONLY)
    try:
        # Some network storage has no locks; there, the rename alone decides.
        with contextlib.suppress(OSError):
            fcntl.flock(directory, fcntl.LOCK_EX)
        yield
    finally:
        os.close(directory)


def _put_in_place(staging, target, replaced) -> None:
    try:
        if os.path.exists(target):
            if _exchanged(staging, target):
                return  # What is in the staging folder now is the old one.
            target.rename(replaced)
        staging.rename(target)
    except BaseException:
        if os.path.exists(replaced) and not os.path.exists(target):
            replaced.rename(target)
        raise


def _exchanged(first: pathlib.Path, second: pathlib.Path) -> bool:
    """Lets two folders change places at once, if the system can."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    return rename is not None and not rename(
        _AT_FDCWD,
        os.fsencode(first),
        _AT_FDCWD,
        os.fsencode(second),
        _RENAME_EXCHANGE,
    )


def _tidy(path: pathlib.Path) -> None:
    """Puts back or removes what killed exports left, never the only copy."""
    hidden = [
        (match, folder)
        for folder in (path.iterdir() if path.is_dir() else ())
        if (match := _HIDDEN.fullmatch(folder.name)) and not folder.is_symlink()
    ]
    if not hidden:
        return
    with _locked(path):  # Else another export may be replacing a version.
        for match, folder in hidden:
            target = path / match[1]
            if match[2] and not os.path.lexists(target):
                with contextlib.suppress(FileNotFoundError):
                    folder.rename(target)
    oldest = time.time() - _STALE_SECONDS
    for _, folder in hidden:
        with contextlib.suppress(FileNotFoundError):
            if folder.stat().st_mtime < oldest:
                _discard(folder)


def _discard(folder: pathlib.Path) -> None:
    """Removes a hidden folder; a part of one is never put back."""
    with contextlib.suppress(OSError):
        folder = folder.rename(str(folder).removesuffix(_REPLACED))
    shutil.rmtree(folder, ignore_errors=True)


def _check_free(target: pathlib.Path, overwrite: bool) -> None:
    if os.path.exists(target) and not overwrite:
        raise FileExistsError(
            "The version must not exist yet; pass `overwrite=True` to "
            f"replace it. Received: path={str(target)!r}"
        )


@contextlib.contextmanager
def writing_to(path: pathlib.Path) -> Iterator[None]:
    """Turns a failure to write into one line that names the directory.

    Args:
        path: The user's directory. The body writes there and nowhere else.

    Raises:
        OSError: In place of the body's errors of the file system and of
            TensorFlow's ops.
    """
    try:
        yield
    except (OSError, tf.errors.OpError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        reason = reason.partition("\n")[0]
        raise OSError(
            f"The export directory must be writable ({reason}). "
            f"Received: path={str(path)!r}"
        ) from error
