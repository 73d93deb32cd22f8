"""Composes `composed_photos`, perhaps over photographs of your own.

    python -m zoo.training.datasets.composed_photos.prepare objects
    python -m zoo.training.datasets.composed_photos.prepare objects \\
        --backgrounds photos --data-dir own

`zoo.training.datasets.load("composed_photos/objects", data_dir="own")`, or
`--data composed_photos/objects --data-dir own` on the command line, then reads
what the second command has composed.
"""

import argparse
import os
import sys
from pathlib import Path

from zoo.training.datasets.composed_photos.stamps import STAMPS

CONFIGS = ("objects", "kinds")


def prepare(
    config: str,
    *,
    stamps: str | os.PathLike = STAMPS,
    backgrounds: str | os.PathLike | None = None,
    data_dir: str | os.PathLike | None = None,
) -> Path:
    """Composes all splits of a config, unless they are there already.

    Args:
        config: `"objects"` or `"kinds"`.
        stamps: Folder of Tux Paint's stamps.
        backgrounds: Folder of photographs to lay stamps over, at any depth;
            `None` for Debian's and Foolbox's.
        data_dir: Where TFDS keeps its data; `None` for its default, which
            has the set as published.

    Returns:
        The folder of the prepared set.

    Raises:
        FileNotFoundError: If photographs are not installed, or there is no
            such folder.
        ValueError: If there is no such config, a folder has too few
            photographs, own ones are to go where the published set goes, or
            the folder holds a set already.
    """
    from zoo.training.datasets.composed_photos.builder import ComposedPhotos

    if config not in CONFIGS:
        raise ValueError(
            f"Configs are {', '.join(CONFIGS)}. Received: config={config!r}"
        )
    if backgrounds is not None:
        if data_dir is None:
            raise ValueError(
                "Pictures over your own `backgrounds` need a `data_dir` of "
                "their own, or --data-dir. Received: data_dir=None"
            )
        backgrounds = Path(backgrounds)
    builder = ComposedPhotos(
        config=config,
        stamps=Path(stamps),
        backgrounds=backgrounds,
        data_dir=data_dir,
    )
    folder = Path(builder.data_dir)
    if backgrounds is not None and folder.exists():
        raise ValueError(
            "Pictures over your own `backgrounds` need a folder without the "
            f"set. Received: data_dir={os.fspath(data_dir)!r}, which has it"
        )
    builder.download_and_prepare()
    return folder


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", choices=CONFIGS)
    parser.add_argument("--stamps", type=Path, default=STAMPS)
    parser.add_argument(
        "--backgrounds", type=Path, help="folder of photographs of your own"
    )
    parser.add_argument("--data-dir", type=Path, help="where TFDS keeps data")
    options = parser.parse_args(arguments)
    try:
        print(prepare(**vars(options)))
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
