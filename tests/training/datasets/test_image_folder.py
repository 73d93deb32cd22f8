"""Folders of pictures as data sets."""

import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zoo.training import datasets
from zoo.training.datasets.arrays import gather_examples
from zoo.training.datasets.image_folder import load_image_folder

SHAPE = (4, 5, 3)


@pytest.fixture
def folder(tmp_path):
    """Six flat pictures of three formats: cats of 10s, dogs of 100s."""
    for name, grey in {
        "cat/1.png": 10,
        "cat/2.PNG": 20,
        "cat/more/3.webp": 30,
        "dog/1.png": 100,
        "dog/2.jpg": 110,
        "dog/3.jpeg": 120,
    }.items():
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.full((8, 8, 3), grey, np.uint8)
        Image.fromarray(pixels).save(path)
    return tmp_path / "photos"


def greys(dataset):
    """Returns each picture's grey level, and its class."""
    images, labels = gather_examples(dataset)
    assert images.shape[1:] == SHAPE and images.dtype == "float32"
    assert images.min() >= 0 and images.max() <= 1 and labels.dtype == "int64"
    levels = np.round(images.mean((1, 2, 3)) * 255, -1)
    return dict(zip(levels.tolist(), labels.tolist(), strict=True))


@pytest.mark.parametrize("kind", [str, Path])
def test_folders_are_classes_in_sorted_order(folder, kind):
    dataset = datasets.load(kind(folder), image_shape=SHAPE)
    assert len(dataset) == 6
    assert greys(dataset) == {10: 0, 20: 0, 30: 0, 100: 1, 110: 1, 120: 1}


def test_classes_give_the_order_and_may_lack_a_folder(folder):
    (folder / "T-shirt_top").mkdir()
    classes = ["dog", "T-shirt/top", "bird", "cat"]
    dataset = datasets.load(folder, image_shape=SHAPE, classes=classes)
    assert greys(dataset) == {10: 3, 20: 3, 30: 3, 100: 0, 110: 0, 120: 0}


def test_front_is_mixed_and_the_same_everywhere(tmp_path):
    for place in ("here", "there"):
        for index in range(40):
            path = tmp_path / place / "ab"[index % 2] / f"{index}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (5, 4), index).save(path)
    orders = [
        list(datasets.load(tmp_path / place, image_shape=SHAPE))
        for place in ("here", "there")
    ]
    labels = [[int(label) for _, label in order] for order in orders]
    assert labels[0] == labels[1]
    assert 5 <= sum(labels[0][:20]) <= 15


def test_shuffling_is_seeded_and_reshuffles(folder):
    def order(seed):
        dataset = datasets.load(
            folder, image_shape=SHAPE, shuffle=True, seed=seed, batch_size=6
        )
        return [next(iter(dataset))[0].numpy()[:, 0, 0, 0] for _ in range(2)]

    (first, second), (again, _) = order(3), order(3)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, second)
    assert sorted(first) == sorted(second)


def test_other_files_and_hidden_ones_are_no_pictures(folder):
    (folder / "cat" / "notes.txt").write_text("a cat")
    (folder / "cat" / ".4.png").write_text("half a download")
    (folder / ".cache").mkdir()
    (folder / "readme.png").write_text("no class")
    assert len(datasets.load(folder, image_shape=SHAPE)) == 6
    assert datasets.class_folders(folder) == ["cat", "dog"]


@pytest.mark.parametrize(
    "junk",
    [
        "cat/.ipynb_checkpoints/1-checkpoint.png",
        "cat/more/.hidden/deep/1.png",
        "cat/__MACOSX/1.png",
        "cat/@eaDir/1.png",
        "__MACOSX/cat/1.png",
        ".git/1.png",
    ],
)
def test_folders_that_programs_leave_behind_hold_no_pictures(folder, junk):
    (folder / junk).parent.mkdir(parents=True)
    Image.new("L", (8, 8), 200).save(folder / junk)
    dataset = datasets.load(folder, image_shape=SHAPE)
    assert greys(dataset) == {10: 0, 20: 0, 30: 0, 100: 1, 110: 1, 120: 1}
    assert datasets.class_folders(folder) == ["cat", "dog"]


def test_folders_above_may_be_hidden(folder):
    hidden = folder.rename(folder.with_name(".photos"))
    assert len(datasets.load(hidden, image_shape=SHAPE)) == 6


def test_linked_folders_are_followed_but_not_in_circles(folder, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    Image.new("L", (8, 8), 40).save(elsewhere / "1.png")
    (folder / "cat" / "linked").symlink_to(elsewhere)
    (elsewhere / "around").symlink_to(folder / "cat")
    dataset = datasets.load(folder, image_shape=SHAPE)
    assert greys(dataset) == {
        **{10: 0, 20: 0, 30: 0, 40: 0},
        **{100: 1, 110: 1, 120: 1},
    }


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_names_may_be_composed_or_decomposed(tmp_path, form):
    """A zip from macOS has `é` as two characters; a keyboard types one."""
    for name, grey in {"café": 10, "zebra": 20}.items():
        path = tmp_path / "photos" / unicodedata.normalize(form, name) / "1.png"
        path.parent.mkdir(parents=True)
        Image.new("RGB", (8, 8), (grey,) * 3).save(path)
    folder = tmp_path / "photos"
    assert datasets.class_folders(folder) == ["café", "zebra"]
    for other in ("NFC", "NFD"):
        classes = ["zebra", unicodedata.normalize(other, "café")]
        dataset = datasets.load(folder, image_shape=SHAPE, classes=classes)
        assert greys(dataset) == {10: 1, 20: 0}


@pytest.mark.parametrize("name", ["a\nb", "\x1b[31mred"])
def test_names_that_would_act_on_a_terminal_are_refused(tmp_path, name):
    (tmp_path / name).mkdir()
    with pytest.raises(ValueError, match="no control characters") as error:
        datasets.class_folders(tmp_path)
    assert str(error.value).isprintable()


def test_two_forms_of_a_name_are_not_two_classes(tmp_path):
    for form in ("NFC", "NFD"):
        (tmp_path / unicodedata.normalize(form, "café")).mkdir()
    if len(list(tmp_path.iterdir())) < 2:
        pytest.skip("this disk has one form of names")
    with pytest.raises(ValueError, match="'café' twice"):
        datasets.class_folders(tmp_path)


@pytest.mark.parametrize("batch_size", [None, 4])
def test_unreadable_picture_is_one_line_that_names_it(folder, batch_size):
    bad = folder / "dog" / "bad Error: name.png"
    bad.write_text("no picture")
    dataset = datasets.load(folder, image_shape=SHAPE, batch_size=batch_size)
    with pytest.raises(ValueError) as error:
        gather_examples(dataset)
    assert str(error.value) == f"{bad} is not a picture Pillow can read."


def test_pictures_are_read_as_predict_reads_them(folder):
    """Sixteen bits are scaled, and what is transparent is black."""
    Image.fromarray(np.full((8, 8), 200 * 257, np.uint16)).save(
        folder / "dog" / "deep.png"
    )
    Image.new("RGBA", (8, 8), (90, 90, 90, 0)).save(folder / "cat" / "0.png")
    levels = greys(datasets.load(folder, image_shape=SHAPE))
    assert levels == {
        **{0: 0, 10: 0, 20: 0, 30: 0},
        **{100: 1, 110: 1, 120: 1, 200: 1},
    }


def test_wrong_folders_are_named(folder, tmp_path):
    empty = tmp_path / "empty"
    (empty / "cat").mkdir(parents=True)
    for path, options, said in (
        (folder, {"classes": ["cat", "fox"]}, "Received: dog"),
        (folder, {"classes": ["cat", "dog", "cat"]}, "distinct"),
        (folder, {"image_shape": None}, "image_shape=None"),
        (folder, {"image_shape": (None, 5, 3)}, "image_shape="),
        (empty, {}, "none in"),
        (empty / "cat", {}, "no folders in"),
    ):
        with pytest.raises(ValueError, match=said):
            load_image_folder(path, **{"image_shape": SHAPE, **options})
    with pytest.raises(FileNotFoundError, match="missing"):
        datasets.load(tmp_path / "missing", image_shape=SHAPE)
    with pytest.raises(FileNotFoundError, match="missing"):
        datasets.load(str(tmp_path / "missing"), image_shape=SHAPE)


def test_folder_has_one_split(folder):
    with pytest.raises(ValueError, match="Received: split='train'"):
        datasets.load(folder, "train", image_shape=SHAPE)


def test_options_of_folders_are_refused_for_named_sets():
    with pytest.raises(ValueError, match="for folders of pictures"):
        datasets.load("fashion_mnist_sample", classes=["cat", "dog"])


def test_named_sets_come_before_folders_of_their_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("fashion_mnist", "fashion_mnist_sample", "photos"):
        (tmp_path / name).mkdir()
    assert not datasets.is_folder("fashion_mnist")
    assert not datasets.is_folder("fashion_mnist_sample")
    assert datasets.is_folder("./fashion_mnist")
    assert datasets.is_folder(Path("fashion_mnist"))
    assert datasets.is_folder("photos")
    assert not datasets.is_folder("cifar10")


@pytest.mark.parametrize("target", ["..", "../..", "../dog", "/"])
def test_links_must_not_lead_to_other_classes(folder, target):
    """Their pictures would count twice, and as this class'."""
    (folder / "cat" / "linked").symlink_to(target)
    with pytest.raises(ValueError, match="other classes' .*linked, a link to"):
        datasets.load(folder, image_shape=SHAPE)


def test_each_linked_folder_is_entered_once(folder, tmp_path):
    """Two links a level lead to the last one by 2**20 paths."""
    levels = [tmp_path / f"level{index}" for index in range(20)]
    for level in levels:
        level.mkdir()
    for level, after in zip(levels, levels[1:], strict=False):
        (level / "left").symlink_to(after)
        (level / "right").symlink_to(after)
    Image.new("L", (8, 8), 40).save(levels[-1] / "1.png")
    (folder / "cat" / "linked").symlink_to(levels[0])
    assert len(datasets.load(folder, image_shape=SHAPE)) == 7
