"""Draws examples of every class, and what is stored with them.

    python -m zoo.training.datasets.rendered_objects.contact_sheet \\
        docs/results/minds_eye/rendered_objects.png
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from PIL import ImageDraw
from PIL import ImageFont

from zoo.training.datasets.rendered_objects.meshes import CLASSES
from zoo.training.datasets.rendered_objects.meshes import PENGUINS
from zoo.training.datasets.rendered_objects.rendering import PAINTED
from zoo.training.datasets.rendered_objects.rendering import PHOTOGRAPHS
from zoo.training.datasets.rendered_objects.rendering import SIZE
from zoo.training.datasets.rendered_objects.rendering import render_object

_NAMES, _ZOOM = 90, 2
_SHOWN = ("image", "clean", "alpha")


def contact_sheet(
    *,
    split: str = "test",
    columns: int = 8,
    penguin: str = "ellipsoids",
    backgrounds: str = PHOTOGRAPHS,
) -> Image.Image:
    """Draws three rows for each class: images, clean renders and alpha.

    Args:
        split: Whose first pictures are shown.
        columns: Examples of each class.
        penguin: As `render_object` takes it.
        backgrounds: As `render_object` takes them.
    """
    rows, names = [], []
    for label, name in enumerate(CLASSES):
        renderings = [
            render_object(
                split,
                label + len(CLASSES) * column,
                penguin=penguin,
                backgrounds=backgrounds,
            )
            for column in range(columns)
        ]
        for shown in _SHOWN if renderings[0].alpha.any() else _SHOWN[:1]:
            pictures = [getattr(r, shown)[..., 0] for r in renderings]
            rows.append(np.concatenate(pictures, 1))
            names.append(name if shown == "image" else shown)
    grid = Image.fromarray(np.concatenate(rows))
    grid = grid.resize(
        (_ZOOM * grid.width, _ZOOM * grid.height), Image.Resampling.NEAREST
    )
    sheet = Image.new("L", (_NAMES + grid.width, grid.height), 255)
    sheet.paste(grid, (_NAMES, 0))
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for row, name in enumerate(names):
        middle = (row + 0.5) * _ZOOM * SIZE
        draw.text((4, middle), name, 0, font, anchor="lm")
    return sheet


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="picture to write")
    parser.add_argument("--penguin", choices=PENGUINS, default=PENGUINS[0])
    parser.add_argument(
        "--backgrounds",
        default=PHOTOGRAPHS,
        help=f"{PHOTOGRAPHS}, {PAINTED}, or a folder of photographs",
    )
    options = parser.parse_args(arguments)
    options.file.parent.mkdir(parents=True, exist_ok=True)
    sheet = contact_sheet(
        penguin=options.penguin, backgrounds=options.backgrounds
    )
    # 32 greys take half the bytes, and nobody sees the difference.
    sheet.quantize(32).save(options.file, optimize=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
