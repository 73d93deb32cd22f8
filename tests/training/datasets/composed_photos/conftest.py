"""Small stamps and photographs in place of the installed ones."""

import numpy as np
import pytest
from PIL import Image

from zoo.training.datasets.composed_photos.stamps import KINDS
from zoo.training.datasets.composed_photos.stamps import OBJECTS


def save_stamp(path, colour, size=(60, 30)):
    """Writes a coloured ellipse inside a transparent border of 7 pixels."""
    width, height = size
    rows, columns = np.mgrid[:height, :width] + 0.5
    distance = (2 * columns / width - 1) ** 2 + (2 * rows / height - 1) ** 2
    pixels = np.zeros((height, width, 4), "uint8")
    pixels[..., :3] = colour
    pixels[..., 3] = np.where(distance < 1, 255, 0)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.pad(pixels, ((7, 7), (7, 7), (0, 0)))).save(path)
    return path


@pytest.fixture(scope="session")
def stamps(tmp_path_factory):
    """A folder of the objects' stamps, and 8 of each kind with no drawing."""
    folder = tmp_path_factory.mktemp("stamps")
    for number, name in enumerate(OBJECTS.values()):
        save_stamp(folder / f"{name}.png", (110, 3 * number, 40))
    for kind in {name for folders in KINDS.values() for name in folders}:
        for number in range(8):
            save_stamp(folder / kind / f"stamp{number}.png", (9, 200, 9))
        for name in ("cartoon/drawn", "stamp0_mirror", "hedgehog"):
            save_stamp(folder / kind / f"{name}.png", (0, 0, 0))
    return folder


@pytest.fixture(scope="session")
def photographs(tmp_path_factory):
    """A folder of ten photographs of one blue each."""
    folder = tmp_path_factory.mktemp("photographs")
    (folder / "more").mkdir()
    for number in range(10):
        picture = Image.new("RGB", (90, 70), (0, 0, 100 + 10 * number))
        place = folder / "more" if number % 2 else folder
        picture.save(place / f"blue{number}.png")
    (folder / "notes.txt").write_text("no picture")
    return folder
