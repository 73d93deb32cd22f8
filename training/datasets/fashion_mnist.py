"""Prepares TFDS' Fashion-MNIST from files on disk, without a network.

    apt-get install dataset-fashion-mnist
    python -m zoo.training.datasets.fashion_mnist

Debian's package carries the original files, but gzip's header lost the file
name and its time stamp, so TFDS refuses their checksums. The command writes
the original header back, after which TFDS' own builder, checksums included,
prepares the set as if it had downloaded it.
"""

import argparse
import os
import struct
import sys
from pathlib import Path

FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)
DEBIAN_DIRECTORY = Path("/usr/share/datasets/fashion-mnist")
_TIME_STAMPS = {"train": 1504176606, "t10k": 1504176627}


def restore_header(content: bytes, name: str) -> bytes:
    """Returns the gzip file `content` with the upstream header of `name`.

    Raises:
        ValueError: If `content` is not a gzip file without a stored name.
    """
    if content[:4] not in (b"\x1f\x8b\x08\x00", b"\x1f\x8b\x08\x08"):
        raise ValueError(f"{name} is not a gzip file.")
    if content[3] == 0x08:
        return content
    stamp = _TIME_STAMPS[name.split("-")[0]]
    header = b"\x1f\x8b\x08\x08" + struct.pack("<I", stamp) + content[8:10]
    return header + name.removesuffix(".gz").encode() + b"\0" + content[10:]


def prepare(
    source: str | os.PathLike = DEBIAN_DIRECTORY,
    data_dir: str | os.PathLike | None = None,
) -> Path:
    """Prepares `fashion_mnist` from the files in `source`.

    Args:
        source: Folder of the four `.gz` files.
        data_dir: Where TFDS keeps its data; `None` for its default.

    Returns:
        The folder of the prepared set.

    Raises:
        FileNotFoundError: If one of the files is missing.
    """
    import tensorflow_datasets as tfds

    source = Path(source)
    missing = [name for name in FILES if not (source / name).is_file()]
    if missing:
        raise FileNotFoundError(
            f"{source} lacks {', '.join(missing)}. On Debian and Ubuntu: "
            "apt-get install dataset-fashion-mnist"
        )
    builder = tfds.builder("fashion_mnist", data_dir=data_dir)
    manual = Path(builder.data_dir).parents[1] / "downloads" / "manual"
    manual.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        restored = restore_header((source / name).read_bytes(), name)
        (manual / name).write_bytes(restored)
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(
            manual_dir=manual, try_download_gcs=False
        )
    )
    return Path(builder.data_dir)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", type=Path, default=DEBIAN_DIRECTORY)
    parser.add_argument("--data-dir", type=Path)
    options = parser.parse_args(arguments)
    try:
        print(prepare(options.source, options.data_dir))
    except (FileNotFoundError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
