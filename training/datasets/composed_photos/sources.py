"""Installed photographs: whether they are there, and which split has which."""

import hashlib
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path

SHARES = {"train": 0.6, "validation": 0.15, "test": 0.25}
"""Of the photographs of the background, and of a kind's stamps."""


LICENCES = {
    "tuxpaint-stamps-default": "GPL-2",
    "mate-backgrounds": "GPL-2+",
    "plasma-workspace-wallpapers": "GPL-2+",
    "lomiri-wallpapers-20.04": "CC BY-SA 3.0",
}
"""Of the photographs that are taken from each of Debian's packages."""


def check_installed(packages: Mapping[str, Sequence[Path]]) -> None:
    """Raises an error if the files of a package are not there.

    Args:
        packages: Files by the package that has them: `"foolbox"`, or one of
            Debian's.

    Raises:
        FileNotFoundError: If one is not there; names it, and the command that
            installs what is missing.
    """
    missing = {
        package: path
        for package, paths in packages.items()
        for path in paths
        if not path.exists()
    }
    if not missing:
        return
    debian = [package for package in missing if package != "foolbox"]
    commands = [f"apt-get install {' '.join(debian)}"] if debian else []
    if "foolbox" in missing:
        commands.append("pip install foolbox")
    raise FileNotFoundError(
        "composed_photos is composed of installed photographs. On Debian and "
        f"Ubuntu: {' && '.join(commands)}. "
        f"Received: no {next(iter(missing.values()))}"
    )


def share(paths: Mapping[str, Path], split: str) -> list[Path]:
    """Returns the photographs of one split.

    They are dealt out in the order of their names' SHA-256, the same
    everywhere.

    Args:
        paths: Of all photographs, by names that say nothing of the machine.
        split: One of `SHARES`.

    Raises:
        ValueError: If a split has none.
    """
    names = sorted(
        paths, key=lambda name: hashlib.sha256(name.encode()).digest()
    )
    bounds, total = [0], 0.0
    for part in SHARES.values():
        total += part
        bounds.append(round(total * len(names)))
    if len(set(bounds)) < len(bounds):
        raise ValueError(
            f"There must be photographs for each of {', '.join(SHARES)}. "
            f"Received: {len(names)} photographs"
        )
    number = list(SHARES).index(split)
    return [paths[name] for name in names[bounds[number] : bounds[number + 1]]]
