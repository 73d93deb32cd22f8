"""The picture of some of each class."""

import numpy as np
from PIL import Image

from zoo.training.datasets.rendered_signs import contact_sheet
from zoo.training.datasets.rendered_signs.rendering import crop
from zoo.training.datasets.rendered_signs.rendering import scene


def test_sheet_has_a_row_for_each_class():
    sheet = np.asarray(contact_sheet.contact_sheet(columns=2))
    assert sheet.shape == (17 * 64, 150 + 2 * 64 + 16 + 4 * 128, 3)
    second_stop = sheet[13 * 64 : 14 * 64 : 2, 150 + 64 : 150 + 128 : 2]
    np.testing.assert_array_equal(second_stop, crop("test", 13 + 17).image)
    last_scene = sheet[3 * 128 : 4 * 128, -128:]
    np.testing.assert_array_equal(last_scene, scene("test", 15).image)


def test_command_writes_the_picture(tmp_path, monkeypatch):
    monkeypatch.setattr(
        contact_sheet,
        "contact_sheet",
        lambda: Image.new("RGB", (8, 8), (200, 30, 40)),
    )
    file = tmp_path / "new" / "sheet.png"
    assert contact_sheet.main([str(file)]) == 0
    assert Image.open(file).convert("RGB").getpixel((4, 4)) == (200, 30, 40)
