"""Renders what ships inside the package as `rendered_objects_sample`.

    python -m zoo.training.datasets.rendered_objects.sample \\
        training/datasets/files/rendered_objects_sample.npz

The backgrounds are painted: photographs don't ship.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from zoo.training.datasets.rendered_objects.meshes import CLASSES
from zoo.training.datasets.rendered_objects.rendering import LAYOUT
from zoo.training.datasets.rendered_objects.rendering import PAINTED
from zoo.training.datasets.rendered_objects.rendering import render_object
from zoo.training.datasets.rendering.parallel import render_many

EXAMPLES = 20 * len(CLASSES)


def render_sample(count: int = EXAMPLES) -> tuple[np.ndarray, np.ndarray]:
    """Renders the first pictures of the test split of `painted`.

    Args:
        count: Pictures to render.

    Returns:
        Pictures, `(count, 64, 64, 1)`, and classes, `(count,)`, both uint8.
    """
    renderings = render_many(
        render_object, "test", count, LAYOUT, backgrounds=PAINTED
    )
    labels = np.arange(count, dtype="uint8") % len(CLASSES)
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
