"""Which files hold a model's weights, and the manifest that lists them.

A manifest is a JSON object with an entry for each preset. An entry of stored
weights has `files`, each with `name`, `sha256` and `size`, their `licence`
and, where the files are neither in the package nor on a mirror, `uri`. An
entry without `files` is of weights that are computed when they are loaded:
those of another preset, grown by a seed.

    {
      "irm_wrn16_2": {
        "files": [{"name": ..., "sha256": ..., "size": ...}],
        "licence": "Apache-2.0"
      },
      "irm_wrn28_10": {"grown_from": "irm_wrn16_2", "seed": 0, "sha256": ...}
    }
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from zoo.atomic_write import atomic_write
from zoo.regular_files import read_json

SUFFIXES = (".weights.h5", ".weights.json")
_OPTIONAL = ("licence", "uri")
_LFS_POINTER = b"version https://git-lfs.github.com/spec/"


@dataclass(frozen=True)
class WeightFile:
    """One published file.

    Args:
        name: File name without a folder.
        sha256: SHA-256 of the content, 64 lower-case hexadecimal digits.
        size: Bytes, above zero.

    Raises:
        ValueError: If a value breaks its rule.
    """

    name: str
    sha256: str
    size: int

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[\w-][\w.-]*", self.name):
            raise ValueError(
                "`name` must be a file name of letters, digits, `.`, `_` and "
                f"`-`. Received: name={self.name!r}"
            )
        _check_sha256(self.sha256)
        if not isinstance(self.size, int) or self.size <= 0:
            raise ValueError(
                f"`size` must be bytes above 0. Received: size={self.size!r}"
            )

    @classmethod
    def from_path(cls, path: Path) -> "WeightFile":
        """Describes a file on disk."""
        return cls(path.name, _sha256(path), path.stat().st_size)

    def matches(self, path: Path) -> bool:
        """Returns whether the file at `path` is exactly the published one."""
        return path.stat().st_size == self.size and (
            _sha256(path) == self.sha256
        )

    def difference(self, path: Path) -> str | None:
        """Says why a file isn't the published one; `None` if it is."""
        if not path.is_file():
            return "it is no regular file"
        if self.matches(path):
            return None
        size = path.stat().st_size
        if kind := known_kind(path):
            return kind
        if size > self.size:
            return f"it has more than {self.size:,} bytes"
        if size < self.size:
            return f"it has {size:,} of {self.size:,} bytes"
        return f"its SHA-256 is not {self.sha256}"


@dataclass(frozen=True)
class Weights:
    """The published weights of one preset, as files.

    Args:
        files: The file to load first; when that is a `.weights.json` index,
            its shards follow.
        uri: Folder that holds the files: `https://`, `hf://owner/repo` or
            `file://`. `None` for files in the package or on a mirror.
        licence: SPDX identifier of their licence; `None` if it isn't stated.

    Raises:
        ValueError: If the first file is not a weight file, or the files are
            not one file, or one index and its shards.
    """

    files: tuple[WeightFile, ...]
    uri: str | None = None
    licence: str | None = None

    def __post_init__(self) -> None:
        names = [file.name for file in self.files]
        if not names or not names[0].endswith(SUFFIXES):
            raise ValueError(
                f"The first file must end in {' or '.join(SUFFIXES)}. "
                f"Received: files={names}"
            )
        sharded = names[0].endswith(".json")
        if sharded != (len(names) > 1) or len(set(names)) < len(names):
            raise ValueError(
                "A `.weights.json` index needs its shards, each once; a "
                f"`.weights.h5` file stands alone. Received: files={names}"
            )

    @classmethod
    def from_dict(cls, entry: Mapping[str, Any]) -> "Weights":
        """Reads an entry of a manifest.

        Raises:
            ValueError: If it is no entry of stored weights.
        """
        if not {"files"} <= set(entry) <= {"files", *_OPTIONAL}:
            raise ValueError(
                "An entry of stored weights must have `files`, and nothing "
                f"else but {' and '.join(map(repr, _OPTIONAL))}. "
                f"Received: entry={dict(entry)}"
            )
        files = tuple(WeightFile(**file) for file in entry["files"])
        return cls(files, **{key: entry.get(key) for key in _OPTIONAL})

    def to_dict(self) -> dict[str, Any]:
        """Returns the entry that `from_dict` reads."""
        given = {key: getattr(self, key) for key in _OPTIONAL}
        return {
            "files": [asdict(file) for file in self.files],
            **{key: value for key, value in given.items() if value},
        }

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(file.size for file in self.files)

    @property
    def sha256(self) -> str:
        """SHA-256 of the first file."""
        return self.files[0].sha256


@dataclass(frozen=True)
class GrownWeights:
    """Weights that `zoo.models.grow` makes of another preset's.

    Args:
        grown_from: Name of the preset.
        seed: Seed of the growth.
        sha256: `zoo.weights.digests.weights_digest` of the grown model.

    Raises:
        ValueError: If `sha256` is no SHA-256.
    """

    grown_from: str
    seed: int
    sha256: str

    def __post_init__(self) -> None:
        _check_sha256(self.sha256)

    def to_dict(self) -> dict[str, Any]:
        """Returns the entry that `read_entry` reads."""
        return asdict(self)


def read_entry(entry: Mapping[str, Any]) -> Weights | GrownWeights:
    """Reads an entry of a manifest.

    Raises:
        ValueError: If it is neither of stored weights nor of grown ones.
    """
    fields = {"grown_from", "seed", "sha256"}
    return (
        GrownWeights(**entry)
        if set(entry) == fields
        else Weights.from_dict(entry)
    )


def read_manifest(path: Traversable) -> dict[str, dict[str, Any]]:
    """Returns the entries of a manifest by preset.

    Raises:
        OSError: If there is no regular file, or it cannot be read.
        ValueError: If it is no JSON object.
    """
    return read_json(path, dict)


def add_to_manifest(path: Path, name: str, weights: Weights) -> None:
    """Writes or replaces the entry of a preset; the others stay.

    Args:
        path: Manifest; made if it is not there.
        name: Name of the preset.
        weights: Its files. Without `uri` or `licence`, the present entry's
            stay.
    """
    entries = read_manifest(path) if path.exists() else {}
    present = entries.get(name, {})
    kept = {key: present[key] for key in _OPTIONAL if key in present}
    write_manifest(path, entries | {name: kept | weights.to_dict()})


def write_manifest(path: Path, entries: Mapping[str, Mapping]) -> None:
    """Writes entries by preset, as `read_manifest` reads them."""
    text = json.dumps(entries, indent=2, sort_keys=True) + "\n"
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def known_kind(path: Path) -> str | None:
    """Says what is commonly found in a weight file's place, if it is that."""
    if is_lfs_pointer(path):
        return (
            "it is a Git LFS pointer, which `git lfs pull` replaces by the file"
        )
    with path.open("rb") as stream:
        start = stream.read(256).lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        return "it is a web page"
    return None


def is_lfs_pointer(path: Path) -> bool:
    """Returns whether a file is what Git LFS leaves for one not yet pulled."""
    with path.open("rb") as stream:
        return stream.read(len(_LFS_POINTER)) == _LFS_POINTER


def _check_sha256(sha256: str) -> None:
    if not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise ValueError(
            "`sha256` must be 64 lower-case hexadecimal digits. "
            f"Received: sha256={sha256!r}"
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
