"""Draws pictures of every object, and of every kind.

    python -m zoo.training.datasets.composed_photos.contact_sheet \\
        docs/results/semantic_jpeg/composed_photos.png
"""

import argparse
import itertools
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from PIL import ImageDraw
from PIL import ImageFont

from zoo.training.datasets.composed_photos.composing import compose
from zoo.training.datasets.composed_photos.sources import LICENCES
from zoo.training.datasets.composed_photos.sources import check_installed
from zoo.training.datasets.composed_photos.sources import find_backgrounds
from zoo.training.datasets.composed_photos.sources import find_stamps

_COLUMNS, _SIZE, _NAME, _SPLIT = 10, 96, 14, "test"
_CREDIT = (
    "Photographs of Debian's packages",
    ", ".join(f"{name} ({text})" for name, text in LICENCES.items()),
)


def contact_sheet() -> Image.Image:
    """Draws a picture of each class in the test split, and its mask.

    It is the first one that no photograph of ImageNet is behind, since their
    licence is unclear. The objects come first, then two rows of kinds. Source
    and licence are written below.

    Raises:
        FileNotFoundError: If the photographs are not installed.
    """
    check_installed()
    tiles = [*_tiles(kinds=False), *_tiles(kinds=True)]
    rows = -(-len(tiles) // _COLUMNS)
    height = 2 * _SIZE + _NAME
    sheet = Image.new(
        "RGB", (_COLUMNS * _SIZE, rows * height + 2 * _NAME), "white"
    )
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(10)
    for number, (name, picture) in enumerate(tiles):
        row, column = divmod(number, _COLUMNS)
        corner = column * _SIZE, row * height
        sheet.paste(picture, corner)
        middle = corner[0] + _SIZE // 2, corner[1] + 2 * _SIZE + _NAME // 2
        draw.text(middle, name, "black", font, anchor="mm")
    for line, text in enumerate(_CREDIT):
        corner = 4, rows * height + line * _NAME
        draw.text(corner, text, "black", font, anchor="la")
    return sheet


def _tiles(*, kinds):
    """Yields each class's name and a picture above its mask."""
    photographs = find_backgrounds(_SPLIT)
    names = find_stamps(_SPLIT, kinds=kinds)
    for label, name in enumerate(names):
        for index in itertools.count(label, len(names)):
            composed = compose(_SPLIT, index, kinds=kinds)
            behind = photographs[composed.background].name
            if not behind.startswith("imagenet_"):
                break
        mask = np.repeat(composed.mask, 3, -1)
        tile = Image.fromarray(np.concatenate([composed.image, mask]))
        yield name, tile.resize((_SIZE, 2 * _SIZE), Image.Resampling.LANCZOS)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="picture to write")
    options = parser.parse_args(arguments)
    try:
        sheet = contact_sheet()
    except FileNotFoundError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    options.file.parent.mkdir(parents=True, exist_ok=True)
    # 256 colours take a third of the bytes.
    sheet.quantize(256, kmeans=1).save(options.file, optimize=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
