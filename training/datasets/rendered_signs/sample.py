"""Renders the signs that ship inside the package as `rendered_signs_sample`.

    python -m zoo.training.datasets.rendered_signs.sample \\
        training/datasets/files/rendered_signs_sample.npz
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from zoo.training.datasets.lisa_classes import LISA_CLASSES
from zoo.training.datasets.rendered_signs.rendering import crop
from zoo.training.datasets.rendered_signs.rendering import layout
from zoo.training.datasets.rendering.parallel import render_many

SIGNS = 15 * len(LISA_CLASSES)


def render_sample(count: int = SIGNS) -> tuple[np.ndarray, np.ndarray]:
    """Renders the first pictures of the test split of `crops32`.

    Args:
        count: Pictures to render.

    Returns:
        Pictures, `(count, 32, 32, 3)`, and classes, `(count,)`, both uint8.
    """
    renderings = render_many(crop, "test", count, layout(32))
    labels = np.arange(count, dtype="uint8") % len(LISA_CLASSES)
    return np.stack([arrays["image"] for arrays in renderings]), labels


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="archive to write, .npz")
    options = parser.parse_args(arguments)
    images, labels = render_sample()
    np.savez_compressed(options.file, images=images, labels=labels)
    return 0


if __name__ == "__main__":
    sys.exit(main())
