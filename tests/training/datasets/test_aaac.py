"""The archives of the Alibaba challenge, as participants unpacked them."""

import csv

import numpy as np
import pytest
from PIL import Image

from tests.command_line import failed
from zoo.training import datasets
from zoo.training.datasets.aaac import load_aaac
from zoo.training.datasets.arrays import gather_examples

SHAPE = (6, 6, 3)
CLASSES = {"00000": 0, "00007": 7, "00109": 109}
DEV = {"b.png": (109, 3), "a.png": (0, 4), "c.png": (55, 5)}


def grey(label):
    return 2 * label + 10


def write_table(path, rows, columns=("filename", "trueLabel", "targetedLabel")):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)


@pytest.fixture
def archives(tmp_path):
    """Both archives; a picture's grey level tells its class."""
    train = tmp_path / "IJCAI_2019_AAAC_train"
    for folder, label in CLASSES.items():
        (train / folder).mkdir(parents=True)
        for index in range(4):
            picture = Image.new("RGB", (9, 7 + index), (grey(label),) * 3)
            picture.save(train / folder / f"{index:032x}.jpg")
    (train / "info.json").write_text("{}")
    dev = tmp_path / "dev_data"
    dev.mkdir()
    for name, (label, _) in DEV.items():
        Image.new("RGB", (299, 299), (grey(label),) * 3).save(dev / name)
    write_table(dev / "dev.csv", [(name, *DEV[name]) for name in DEV])
    return tmp_path


def read(archives, split, **options):
    options.setdefault("image_shape", SHAPE)
    dataset = datasets.load("aaac", split, data_dir=archives, **options)
    images, labels = gather_examples(dataset)
    assert images.dtype == "float32" and labels.dtype == "int64"
    levels = np.rint(255 * images.mean((1, 2, 3)))
    np.testing.assert_allclose(levels, grey(labels), atol=1)
    return images, labels


def test_folders_of_the_training_archive_are_the_classes(archives):
    images, labels = read(archives, "train")
    assert images.shape == (12, *SHAPE)
    assert sorted(labels) == [0] * 4 + [7] * 4 + [109] * 4


def test_development_set_is_in_the_order_of_its_table(archives):
    _, labels = read(archives, "dev")
    assert labels.tolist() == [109, 0, 55]


def test_pictures_are_of_the_challenges_size_by_default(archives):
    images, _ = read(archives, "dev", image_shape=None)
    assert images.shape == (3, 299, 299, 3)


def test_table_may_begin_with_a_byte_order_mark(archives):
    table = archives / "dev_data" / "dev.csv"
    table.write_text("\ufeff" + table.read_text("utf-8"), "utf-8")
    assert read(archives, "dev")[1].tolist() == [109, 0, 55]


def test_parts_make_up_the_whole(archives):
    _, whole = read(archives, "train")
    parts = ["train[:50%]", "train[50%:60%]", "train[60%:]"]
    parts = [read(archives, part)[1].tolist() for part in parts]
    assert [len(part) for part in parts] == [6, 1, 5]
    assert sum(parts, []) == whole.tolist()
    assert len(set(parts[0])) > 1


def test_shuffling_is_seeded(archives):
    _, labels = read(archives, "train")
    (_, first), (_, again) = (
        read(archives, "train", shuffle=True, seed=1) for _ in range(2)
    )
    assert first.tolist() == again.tolist() != labels.tolist()
    assert sorted(first) == sorted(labels)


@pytest.mark.parametrize(
    "split", ["test", "train[:50]", "train[1:2]", "dev[]", "train[:50%"]
)
def test_unknown_splits(archives, split):
    with pytest.raises(ValueError, match="'train' and 'dev'"):
        load_aaac(archives, split)


@pytest.mark.parametrize("split", ["dev[50%:50%]", "dev[60%:40%]", "dev[:1%]"])
def test_splits_without_pictures(archives, split):
    with pytest.raises(ValueError, match="of 3 pictures"):
        load_aaac(archives, split)


@pytest.mark.parametrize("label", ["110", "-1", "1.0", "", "shirt"])
def test_labels_are_classes(archives, label):
    write_table(archives / "dev_data" / "dev.csv", [("a.png", label, 0)])
    with pytest.raises(ValueError, match=f"trueLabel='{label}'"):
        load_aaac(archives, "dev")


def test_tables_of_other_columns_and_other_folders_are_refused(archives):
    table = archives / "dev_data" / "dev.csv"
    write_table(table, [("a.png", 1)], columns=("filename", "label"))
    with pytest.raises(ValueError, match="Received: no trueLabel, targeted"):
        load_aaac(archives, "dev")
    table.unlink()
    with pytest.raises(FileNotFoundError, match=r"dev\.csv"):
        load_aaac(archives, "dev")
    (archives / "IJCAI_2019_AAAC_train" / "00110").mkdir()
    with pytest.raises(ValueError, match="Received: 00110"):
        load_aaac(archives, "train")


def test_missing_picture_is_named(archives):
    (archives / "dev_data" / "a.png").unlink()
    with pytest.raises(ValueError, match=r"a\.png"):
        read(archives, "dev")


@pytest.mark.parametrize("half", [False, True])
def test_damaged_picture_is_named(archives, half):
    path = archives / "IJCAI_2019_AAAC_train" / "00007" / f"{2:032x}.jpg"
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] if half else b"no picture")
    with pytest.raises(ValueError, match=f"^{path} (is not|cannot be)"):
        read(archives, "train")


def test_archives_must_be_named_and_bring_their_classes(archives):
    with pytest.raises(ValueError, match="name it by `data_dir`"):
        datasets.load("aaac", "train")
    with pytest.raises(ValueError, match="`classes` are for folders"):
        datasets.load("aaac", "train", data_dir=archives, classes=["a"])


def test_command_line_reads_the_archives(archives, capsys):
    """Up to the labels, which are no classes of this model of ten."""
    line = failed(
        capsys,
        *("evaluate", "wrn16_2", "--data", "aaac", "--split", "dev"),
        *("--data-dir", archives),
    )
    assert "labels" in line and "109" in line
