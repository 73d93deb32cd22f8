"""GTSRB from a small archive of its layout."""

import numpy as np
import pytest
from PIL import Image

from zoo.training import datasets
from zoo.training.datasets.arrays import gather_examples

HEADER = "Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId"


def write(folder, pictures):
    """Writes .ppm pictures of a grey level each, and returns their lines."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [HEADER]
    for name, grey, label in pictures:
        Image.new("RGB", (30, 25), (grey, grey, grey)).save(folder / name)
        lines.append(f"{name};30;25;5;5;25;20;{label}")
    return "\r\n".join(lines) + "\r\n"


@pytest.fixture(params=["", "GTSRB"])
def archive(request, tmp_path):
    """Three pictures of classes 0 and 42 to train on, two to test."""
    images = tmp_path / request.param / "Final_Training" / "Images"
    for label in (0, 42):
        folder = images / f"{label:05}"
        pictures = [
            (f"00000_{n:05}.ppm", 10 * n + label, label) for n in range(3)
        ]
        text = write(folder, pictures)
        (folder / f"GT-{label:05}.csv").write_text(text)
    test = tmp_path / request.param / "Final_Test" / "Images"
    text = write(test, [("00000.ppm", 50, 16), ("00001.ppm", 90, 1)])
    # The archive itself has annotations without classes.
    unlabelled = [line.rpartition(";")[0] for line in text.splitlines()]
    (test / "GT-final_test.test.csv").write_text("\n".join(unlabelled))
    (tmp_path / "GT-final_test.csv").write_text(text)
    return tmp_path


def greys(dataset):
    images, labels = gather_examples(dataset)
    levels = np.rint(images.mean((1, 2, 3)) * 255).astype(int)
    return dict(zip(levels.tolist(), labels.tolist(), strict=True))


def test_training_pictures(archive):
    dataset = datasets.load("gtsrb", "train", data_dir=archive)
    assert dataset.element_spec[0].shape == (32, 32, 3)
    assert greys(dataset) == {0: 0, 10: 0, 20: 0, 42: 42, 52: 42, 62: 42}


def test_test_pictures(archive):
    dataset = datasets.load("gtsrb", data_dir=archive, image_shape=(8, 9, 1))
    assert dataset.element_spec[0].shape == (8, 9, 1)
    assert greys(dataset) == {50: 16, 90: 1}


def test_labels_may_lie_beside_the_pictures(archive):
    (images,) = archive.rglob("Final_Test/Images")
    labels = archive / "GT-final_test.csv"
    labels.rename(images / labels.name)
    dataset = datasets.load("gtsrb", data_dir=archive)
    assert greys(dataset) == {50: 16, 90: 1}


@pytest.mark.parametrize(
    ("split", "message"),
    [("train", "GT-00000.csv"), ("test", "GT-final_test.csv")],
)
def test_missing_archives_are_named(tmp_path, split, message):
    with pytest.raises(FileNotFoundError, match=message):
        datasets.load("gtsrb", split, data_dir=tmp_path)


def test_test_annotations_without_classes_are_refused(archive):
    labels = archive / "GT-final_test.csv"
    labels.write_text("Filename;Width\n00000.ppm;30\n")
    with pytest.raises(ValueError, match="Received: no ClassId"):
        datasets.load("gtsrb", data_dir=archive)


@pytest.mark.parametrize("label", ["43", "-1", "1.0", "", "stop", "²"])
def test_what_is_no_class_is_refused(archive, label):
    labels = archive / "GT-final_test.csv"
    labels.write_text(f"Filename;ClassId\n00000.ppm;{label}\n")
    with pytest.raises(
        ValueError, match=f"Received: ClassId='{label}' of 00000.ppm"
    ):
        datasets.load("gtsrb", data_dir=archive)


def test_annotations_without_pictures_are_refused(archive):
    (archive / "GT-final_test.csv").write_text(HEADER + "\n")
    with pytest.raises(ValueError, match="must list pictures"):
        datasets.load("gtsrb", data_dir=archive)


@pytest.mark.parametrize(
    "options", [{"split": "validation"}, {"data_dir": None}]
)
def test_bad_options_are_refused(archive, options):
    with pytest.raises(ValueError, match="gtsrb|GTSRB"):
        datasets.load("gtsrb", **{"data_dir": archive} | options)


def test_classes_are_refused(archive):
    with pytest.raises(ValueError, match="Received: name='gtsrb'"):
        datasets.load("gtsrb", data_dir=archive, classes=["a"])


@pytest.mark.parametrize("name", ["/etc/passwd", "../../../00000.ppm"])
def test_pictures_outside_are_not_read(archive, name):
    table = archive / "GT-final_test.csv"
    table.write_text(table.read_text().replace("00000.ppm", name))
    with pytest.raises(ValueError, match="must lie below"):
        datasets.load("gtsrb", "test", data_dir=archive)


def test_a_class_of_thousands_of_digits_is_cut_short(archive):
    """Python itself refuses to read so many."""
    labels = archive / "GT-final_test.csv"
    labels.write_text(f"Filename;ClassId\n00000.ppm;{'9' * 5000}\n")
    with pytest.raises(ValueError, match="0 to 42. Received: ClassId='9{79} "):
        datasets.load("gtsrb", data_dir=archive)
