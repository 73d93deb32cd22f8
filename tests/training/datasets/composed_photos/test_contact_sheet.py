"""The picture of some of each class."""

import functools

import numpy as np
from PIL import Image

from zoo.training.datasets.composed_photos import contact_sheet
from zoo.training.datasets.composed_photos.composing import compose
from zoo.training.datasets.composed_photos.sources import check_installed
from zoo.training.datasets.composed_photos.sources import find_backgrounds


def test_sheet_has_all_classes_with_their_masks(
    stamps, photographs, monkeypatch
):
    own = {"stamps": stamps, "backgrounds": photographs}
    monkeypatch.setattr(contact_sheet, "check_installed", lambda: None)
    monkeypatch.setattr(
        contact_sheet, "compose", functools.partial(compose, **own)
    )
    found = find_backgrounds("test", photographs)
    monkeypatch.setattr(contact_sheet, "find_backgrounds", lambda _: found)
    sheet = np.asarray(contact_sheet.contact_sheet())
    assert sheet.shape == (5 * (2 * 96 + 14) + 28, 960, 3)
    bear = compose("test", 3, **own)
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
        contact_sheet, "check_installed", lambda: check_installed(tmp_path)
    )
    assert contact_sheet.main([str(tmp_path / "sheet.png")]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "apt-get install tuxpaint-stamps-default" in line
    assert not list(tmp_path.iterdir())
