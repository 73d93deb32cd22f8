"""Which photographs there are, and which split has which."""

import numpy as np
import pytest
from PIL import Image

import zoo.training.datasets.composed_photos as package
from tests.training.datasets.composed_photos.conftest import save_stamp
from zoo.presets.composed_photos import CLASSES
from zoo.training.datasets.composed_photos import photographs as photographs_
from zoo.training.datasets.composed_photos.photographs import DEBIAN
from zoo.training.datasets.composed_photos.photographs import backgrounds
from zoo.training.datasets.composed_photos.photographs import read_photograph
from zoo.training.datasets.composed_photos.sources import LICENCES
from zoo.training.datasets.composed_photos.sources import SHARES
from zoo.training.datasets.composed_photos.sources import share
from zoo.training.datasets.composed_photos.stamps import KINDS
from zoo.training.datasets.composed_photos.stamps import OBJECTS
from zoo.training.datasets.composed_photos.stamps import STAMPS
from zoo.training.datasets.composed_photos.stamps import is_photograph
from zoo.training.datasets.composed_photos.stamps import kind_stamps
from zoo.training.datasets.composed_photos.stamps import object_stamps
from zoo.training.datasets.composed_photos.stamps import read_stamp

installed = pytest.mark.skipif(
    not STAMPS.exists(), reason="tuxpaint-stamps-default is not installed"
)


def test_each_class_has_a_stamp_of_its_own():
    assert set(OBJECTS) == set(CLASSES)
    assert len(set(OBJECTS.values())) == len(CLASSES) == 40
    assert all(is_photograph(f"{name}.png") for name in OBJECTS.values())
    assert CLASSES == tuple(sorted(CLASSES))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("animals/birds/penguin.png", True),
        ("animals/birds/cartoon/penguin.png", False),
        ("animals/mammals/bears/toys/edward_bear.png", False),
        ("animals/mammals/hedgehog.png", False),
        ("vehicles/emergency/sedan_police.png", False),
        ("household/tools/saw_mirror.png", False),
        ("animals/mammals/whale_flip.png", False),
    ],
)
def test_drawings_and_mirror_images_are_kept_out(name, expected):
    assert is_photograph(name) == expected


def test_objects_come_in_the_order_of_the_labels(stamps):
    found = object_stamps(stamps)
    assert tuple(found) == CLASSES
    (elephant,) = found["elephant"]
    assert elephant == stamps / "animals" / "mammals" / "elephant.png"


def test_no_stamp_of_a_kind_is_in_two_splits(stamps):
    splits = {split: kind_stamps(split, stamps) for split in SHARES}
    for kind in KINDS:
        parts = [splits[split][kind] for split in SHARES]
        paths = [path for part in parts for path in part]
        assert all(parts) and len(set(paths)) == len(paths)
        screened = {"drawn", "hedgehog", "stamp0_mirror"}
        assert not screened & {path.stem for path in paths}


def test_shares_are_disjoint_and_hang_on_names_alone(tmp_path):
    paths = {f"{number}.png": tmp_path / str(number) for number in range(100)}
    parts = {split: share(paths, split) for split in SHARES}
    assert [len(part) for part in parts.values()] == [60, 15, 25]
    assert set().union(*parts.values()) == set(paths.values())
    other = {name: tmp_path / "other" / name for name in reversed(paths)}
    for split, part in parts.items():
        names = [path.name for path in share(other, split)]
        assert names == [f"{path.name}.png" for path in part]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_photographs_to_split(tmp_path, count):
    paths = {str(number): tmp_path for number in range(count)}
    with pytest.raises(ValueError, match=f"Received: {count} photographs$"):
        share(paths, "train")


def test_a_folder_of_ones_own_is_searched_at_any_depth(photographs):
    parts = [backgrounds(split, photographs) for split in SHARES]
    found = {path.name for part in parts for path in part}
    assert found == {f"blue{number}.png" for number in range(10)}
    assert sum(map(len, parts)) == 10


def test_a_missing_folder_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"Received: .*nowhere$"):
        backgrounds("test", tmp_path / "nowhere")


def test_missing_stamps_name_the_command(tmp_path):
    message = (
        r"^composed_photos is composed .*: apt-get install "
        r"tuxpaint-stamps-default\. Received: no \S*\.png$"
    )
    with pytest.raises(FileNotFoundError, match=message):
        object_stamps(tmp_path)
    with pytest.raises(FileNotFoundError, match="tuxpaint-stamps-default"):
        kind_stamps("train", tmp_path)


def test_missing_backgrounds_name_the_command(monkeypatch):
    missing = {name: ("/nowhere/a.jpg",) for name in DEBIAN}
    monkeypatch.setattr(photographs_, "DEBIAN", missing)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    message = (
        "apt-get install mate-backgrounds plasma-workspace-wallpapers "
        r"lomiri-wallpapers-20.04 && pip install foolbox\. "
        r"Received: no /nowhere/a\.jpg$"
    )
    with pytest.raises(FileNotFoundError, match=message):
        backgrounds("train")


def test_the_command_in_the_docs_installs_all_packages():
    assert set(LICENCES) == {"tuxpaint-stamps-default", *DEBIAN}
    for name in LICENCES:
        assert name in package.__doc__


def test_a_stamp_is_cut_to_what_it_shows(tmp_path):
    stamp = read_stamp(save_stamp(tmp_path / "stamp.png", (1, 2, 3), (20, 10)))
    assert stamp.mode == "RGBA" and stamp.size == (20, 10)
    assert stamp.getpixel((10, 5)) == (1, 2, 3, 255)


def test_a_transparent_stamp_is_refused(tmp_path):
    Image.new("RGBA", (9, 9)).save(tmp_path / "empty.png")
    with pytest.raises(ValueError, match=r"Received: .*empty.png, transparent"):
        read_stamp(tmp_path / "empty.png")


@pytest.mark.parametrize(
    ("size", "expected"),
    [((1500, 1024), (750, 512)), ((600, 2048), (512, 1748)), ((90, 70), None)],
    ids=str,
)
def test_large_photographs_are_reduced(tmp_path, size, expected):
    ramp = np.linspace(0, 255, size[0]).astype("uint8")
    pixels = np.broadcast_to(ramp[None, :, None], (size[1], size[0], 3))
    Image.fromarray(pixels).save(tmp_path / "ramp.png")
    picture = read_photograph(tmp_path / "ramp.png")
    assert picture.mode == "RGB" and picture.size == (expected or size)
    middle = picture.getpixel((picture.width // 2, picture.height // 2))
    assert abs(middle[0] - 127) <= 2


@installed
def test_the_installed_stamps_are_those_that_were_looked_at():
    object_stamps()
    counts = {
        kind: sum(len(kind_stamps(split)[kind]) for split in SHARES)
        for kind in KINDS
    }
    assert counts == {
        "bird": 35,
        "fish": 9,
        "flower": 24,
        "fruit": 26,
        "instrument": 11,
        "mammal": 65,
        "tool": 12,
        "vehicle": 17,
        "vegetable": 18,
    }
