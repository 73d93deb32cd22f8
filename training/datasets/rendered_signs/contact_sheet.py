"""Draws crops of every class and a few scenes.

    python -m zoo.training.datasets.rendered_signs.contact_sheet \\
        docs/results/blurnet/rendered_signs.png
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from PIL import ImageDraw
from PIL import ImageFont

from zoo.training.datasets.lisa_classes import LISA_CLASSES
from zoo.training.datasets.rendered_signs.rendering import crop
from zoo.training.datasets.rendered_signs.rendering import scene

_NAMES, _ZOOM = 150, 2


def contact_sheet(*, split: str = "test", columns: int = 8) -> Image.Image:
    """Draws a row of crops for each class, and 4 x 4 scenes beside them.

    Args:
        split: Whose first pictures are shown.
        columns: Crops of each class.
    """
    classes = len(LISA_CLASSES)
    crops = _grid(
        [
            [
                crop(split, label + classes * column).image
                for column in range(columns)
            ]
            for label in range(classes)
        ]
    )
    crops = crops.resize(
        (_ZOOM * crops.width, _ZOOM * crops.height), Image.Resampling.NEAREST
    )
    scenes = _grid(
        [
            [scene(split, 4 * row + column).image for column in range(4)]
            for row in range(4)
        ]
    )
    sheet = Image.new(
        "RGB", (_NAMES + crops.width + 16 + scenes.width, crops.height), "white"
    )
    sheet.paste(crops, (_NAMES, 0))
    sheet.paste(scenes, (_NAMES + crops.width + 16, 0))
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    height = crops.height // classes
    for row, name in enumerate(LISA_CLASSES):
        draw.text((4, (row + 0.5) * height), name, "black", font, anchor="lm")
    return sheet


def _grid(rows) -> Image.Image:
    return Image.fromarray(
        np.concatenate([np.concatenate(row, 1) for row in rows])
    )


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="picture to write")
    options = parser.parse_args(arguments)
    options.file.parent.mkdir(parents=True, exist_ok=True)
    # 128 colours take half the bytes, and nobody sees the difference.
    contact_sheet().quantize(128, kmeans=1).save(options.file, optimize=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
