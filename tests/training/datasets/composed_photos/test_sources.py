"""Which photographs there are, and which split has which."""

import pytest
from PIL import Image

import zoo.training.datasets.composed_photos as package
from tests.training.datasets.composed_photos.conftest import save_stamp
from zoo.presets.composed_photos import CLASSES
from zoo.training.datasets.composed_photos import sources
from zoo.training.datasets.composed_photos.sources import BACKGROUNDS
from zoo.training.datasets.composed_photos.sources import LICENCES
from zoo.training.datasets.composed_photos.sources import check_installed
from zoo.training.datasets.composed_photos.sources import find_backgrounds
from zoo.training.datasets.composed_photos.sources import find_stamps
from zoo.training.datasets.composed_photos.stamps import KINDS
from zoo.training.datasets.composed_photos.stamps import OBJECTS
from zoo.training.datasets.composed_photos.stamps import is_photograph
from zoo.training.datasets.composed_photos.stamps import missing_stamps
from zoo.training.datasets.composed_photos.stamps import object_stamps
from zoo.training.datasets.composed_photos.stamps import read_stamp
from zoo.training.datasets.rendering.photographs import DEBIAN
from zoo.training.datasets.rendering.photographs import SPLITS

installed = pytest.mark.skipif(
    bool(missing_stamps()), reason="tuxpaint-stamps-default is not installed"
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
    for split in SPLITS:
        assert find_stamps(split, kinds=False, folder=stamps) == found


def test_no_stamp_of_a_kind_is_in_two_splits(stamps):
    splits = [find_stamps(split, kinds=True, folder=stamps) for split in SPLITS]
    for kind in KINDS:
        parts = [found[kind] for found in splits]
        paths = [path for part in parts for path in part]
        assert all(parts) and len(set(paths)) == len(paths)
        screened = {"drawn", "hedgehog", "stamp0_mirror"}
        assert not screened & {path.stem for path in paths}


def test_backgrounds_may_be_ones_own(photographs):
    parts = [find_backgrounds(split, photographs) for split in SPLITS]
    assert [len(part) for part in parts] == [7, 1, 2]
    found = {path.name for part in parts for path in part}
    assert found == {f"blue{number}.png" for number in range(10)}


def test_what_is_there_needs_no_command(stamps, photographs):
    check_installed(stamps, photographs)


def test_missing_photographs_name_the_command(
    stamps, photographs, tmp_path, monkeypatch
):
    everything = " ".join(LICENCES)
    monkeypatch.setattr(
        sources, "missing_sources", lambda packages: list(packages)
    )
    message = (
        f"^composed_photos is composed .*: apt-get install {everything} && "
        r"pip install foolbox\. Received: not all photographs of .*, foolbox$"
    )
    with pytest.raises(FileNotFoundError, match=message):
        check_installed(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"stamps-default\. Received"):
        check_installed(tmp_path, photographs)
    monkeypatch.setattr(sources, "missing_sources", lambda _: ["foolbox"])
    with pytest.raises(FileNotFoundError, match=r"Ubuntu: pip install foolb"):
        check_installed(stamps)


def test_the_command_in_the_docs_installs_all_packages():
    assert set(LICENCES) == {"tuxpaint-stamps-default", *DEBIAN}
    assert set(BACKGROUNDS) == {*DEBIAN, "foolbox"}
    for name in (*LICENCES, "foolbox"):
        assert name in package.__doc__


def test_a_stamp_is_cut_to_what_it_shows(tmp_path):
    stamp = read_stamp(save_stamp(tmp_path / "stamp.png", (1, 2, 3), (20, 10)))
    assert stamp.mode == "RGBA" and stamp.size == (20, 10)
    assert stamp.getpixel((10, 5)) == (1, 2, 3, 255)


def test_a_transparent_stamp_is_refused(tmp_path):
    Image.new("RGBA", (9, 9)).save(tmp_path / "empty.png")
    with pytest.raises(ValueError, match=r"Received: .*empty.png, transparent"):
        read_stamp(tmp_path / "empty.png")


@installed
def test_the_installed_stamps_are_those_that_were_looked_at():
    splits = [find_stamps(split, kinds=True) for split in SPLITS]
    counts = {kind: sum(len(found[kind]) for found in splits) for kind in KINDS}
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
