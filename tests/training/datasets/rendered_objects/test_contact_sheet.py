"""The picture of some of each class."""

import numpy as np
from PIL import Image

from zoo.training.datasets.rendered_objects import contact_sheet
from zoo.training.datasets.rendered_objects.rendering import PAINTED
from zoo.training.datasets.rendered_objects.rendering import render_object


def test_sheet_has_three_rows_for_each_object_and_one_for_none():
    sheet = np.asarray(
        contact_sheet.contact_sheet(columns=2, backgrounds=PAINTED)
    )
    assert sheet.shape == (10 * 128, 90 + 2 * 128)
    second = sheet[::2, 90 + 128 :: 2].reshape(10, 64, 64)
    penguin = render_object("test", 2 + 4, backgrounds=PAINTED)
    for row, name in ((6, "image"), (7, "clean"), (8, "alpha")):
        np.testing.assert_array_equal(
            second[row], getattr(penguin, name)[..., 0]
        )
    nothing = render_object("test", 3 + 4, backgrounds=PAINTED)
    np.testing.assert_array_equal(second[9], nothing.image[..., 0])


def test_command_writes_the_picture(tmp_path, monkeypatch):
    asked = {}

    def draw(**options):
        asked.update(options)
        return Image.new("L", (8, 8), 77)

    monkeypatch.setattr(contact_sheet, "contact_sheet", draw)
    file = tmp_path / "new" / "sheet.png"
    assert contact_sheet.main([str(file), "--backgrounds", "painted"]) == 0
    assert asked == {"penguin": "ellipsoids", "backgrounds": "painted"}
    assert Image.open(file).convert("L").getpixel((4, 4)) == 77
