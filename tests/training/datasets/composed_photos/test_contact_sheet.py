"""The picture of some of each class."""

import numpy as np
import pytest
from PIL import Image

from zoo.training.datasets.composed_photos import contact_sheet
from zoo.training.datasets.composed_photos.composing import compose
from zoo.training.datasets.composed_photos.photographs import backgrounds
from zoo.training.datasets.composed_photos.stamps import kind_stamps
from zoo.training.datasets.composed_photos.stamps import object_stamps


@pytest.fixture
def installed(monkeypatch, stamps, photographs):
    monkeypatch.setattr(
        contact_sheet, "object_stamps", lambda: object_stamps(stamps)
    )
    monkeypatch.setattr(
        contact_sheet, "kind_stamps", lambda split: kind_stamps(split, stamps)
    )
    monkeypatch.setattr(
        contact_sheet,
        "backgrounds",
        lambda split: backgrounds(split, photographs),
    )


def test_sheet_has_all_classes_with_their_masks(installed, stamps, photographs):
    sheet = np.asarray(contact_sheet.contact_sheet())
    assert sheet.shape == (5 * (2 * 96 + 14) + 28, 960, 3)
    bear = compose(
        "test",
        3,
        stamps=object_stamps(stamps),
        backgrounds=backgrounds("test", photographs),
    )
    mask = Image.fromarray(bear.mask[..., 0]).resize((96, 96))
    shown = sheet[96:192, 3 * 96 : 4 * 96, 0].astype(float)
    assert np.abs(shown - np.asarray(mask, float)).mean() < 5


def test_command_writes_the_picture(tmp_path, monkeypatch):
    monkeypatch.setattr(
        contact_sheet,
        "contact_sheet",
        lambda: Image.new("RGB", (8, 8), (200, 30, 40)),
    )
    file = tmp_path / "new" / "sheet.png"
    assert contact_sheet.main([str(file)]) == 0
    assert Image.open(file).convert("RGB").getpixel((4, 4)) == (200, 30, 40)


def test_command_without_photographs_says_what_to_install(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(
        contact_sheet, "object_stamps", lambda: object_stamps(tmp_path)
    )
    assert contact_sheet.main([str(tmp_path / "sheet.png")]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "apt-get install tuxpaint-stamps-default" in line
    assert not list(tmp_path.iterdir())
