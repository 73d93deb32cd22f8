"""LISA from a small archive of its layout."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import zoo
from zoo.training import datasets
from zoo.training.datasets.arrays import gather_examples
from zoo.training.datasets.lisa import load_lisa

HEADER = (
    "Filename;Annotation tag;Upper left corner X;Upper left corner Y;"
    "Lower right corner X;Lower right corner Y;Occluded,On another road;"
    "Origin file;Origin frame number;Origin track;Origin track frame number"
)
TRACKS = 100
TRACK = "stop_1330545910.avi"
"""Of the training split: the hash of its name is 30 of 0 to 99."""


def annotation(file, tag, box, track=TRACK):
    box = ";".join(map(str, box))
    return f"{file};{tag};{box};0,0;video.avi;1;{track};0"


def write(folder, lines, header=HEADER):
    folder.mkdir(exist_ok=True)
    text = "\n".join([header, *lines]) + "\n"
    (folder / "allAnnotations.csv").write_text(text, "utf-8")
    return folder


@pytest.fixture
def archive(tmp_path):
    """Two frames of each track: a stop sign, and one of another class.

    The stop sign's grey level is its track's number, plus 100 in the second
    frame; what is around is white.
    """
    folder, lines = tmp_path / "lisa", []
    for track in range(TRACKS):
        for frame in range(2):
            file = f"vid{track % 3}/frames/stop_{track}_image{frame}.png"
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            pixels = np.full((48, 64, 3), 255, "uint8")
            pixels[10:30, 20:36] = track + TRACKS * frame
            pixels[5:9, 40:60] = 222
            Image.fromarray(pixels).save(folder / file)
            name = f"stop_{track}.avi"
            lines += [
                annotation(file, "stop", (20, 10, 36, 30), name),
                annotation(file, "yield", (40, 5, 60, 9), name),
                annotation(file, "doNotPass", (0, 0, 9, 9), name),
            ]
    return write(folder, lines)


def greys(dataset):
    images, labels = gather_examples(dataset)
    assert images.dtype == "float32" and labels.dtype == "int64"
    # Nothing of the surround is in the crop.
    assert np.ptp(images, axis=(1, 2, 3)).max() == 0
    return np.rint(images[:, 0, 0, 0] * 255).astype(int), labels


def test_signs_are_cut_out_and_labelled(archive):
    seen, tracks = [], []
    for split in ("train", "validation", "test"):
        dataset = datasets.load("lisa", split, data_dir=archive)
        assert dataset.element_spec[0].shape == (32, 32, 3)
        levels, labels = greys(dataset)
        assert set(labels) == {13, 16}
        np.testing.assert_array_equal(labels == 16, levels == 222)
        stops = levels[labels == 13]
        seen += stops.tolist()
        tracks.append(set(stops % TRACKS))
    assert sorted(seen) == list(range(2 * TRACKS))
    # Frames of one track are never in two splits.
    assert sum(map(len, tracks)) == TRACKS
    train, validation, test = map(len, tracks)
    assert train > test > validation > 0


def test_classes_choose_the_tags_and_their_order(archive):
    dataset = datasets.load(
        "lisa",
        data_dir=str(archive),
        classes=["doNotPass", "yield"],
        image_shape=(4, 6, 1),
        batch_size=4,
    )
    assert dataset.element_spec[0].shape == (None, 4, 6, 1)
    levels, labels = greys(dataset)
    assert set(zip(levels, labels, strict=True)) == {(255, 0), (222, 1)}


def test_shuffling_is_seeded(archive):
    def labels(seed):
        return [
            int(label)
            for _, label in datasets.load(
                "lisa", data_dir=archive, shuffle=True, seed=seed
            )
        ]

    assert labels(1) == labels(1) != labels(2)


def test_what_is_beyond_the_frame_is_left_out(tmp_path):
    pixels = np.zeros((10, 10, 3), "uint8")
    pixels[6:, 6:] = 100
    folder = write(
        tmp_path / "lisa", [annotation("a.png", "stop", (6, 6, 15, 15))]
    )
    Image.fromarray(pixels).save(folder / "a.png")
    (levels, labels) = greys(load(folder))
    assert levels.tolist() == [100] and labels.tolist() == [13]


def load(folder):
    return load_lisa(folder, "train").map(
        lambda image, label: (tf.cast(image, "float32") / 255, label)
    )


@pytest.mark.parametrize(
    "box", [(20, 6, 25, 9), (3, 3, 3, 3), (0, 0, 0, 0)], ids=str
)
def test_a_box_of_nothing_names_the_file(tmp_path, box):
    """Beside its frame, or without a pixel."""
    folder = write(tmp_path / "lisa", [annotation("a.png", "stop", box)])
    Image.new("RGB", (10, 10)).save(folder / "a.png")
    with pytest.raises(tf.errors.InvalidArgumentError, match="a.png, 10x10"):
        list(load(folder))


def test_folder_must_be_given():
    with pytest.raises(ValueError, match="`data_dir`, or --data-dir"):
        datasets.load("lisa")


def test_folder_must_have_annotations(tmp_path):
    with pytest.raises(FileNotFoundError, match="allAnnotations.csv"):
        datasets.load("lisa", data_dir=tmp_path)


@pytest.mark.parametrize(
    ("lines", "header", "message"),
    [
        ([], HEADER, "must have a sign of the classes"),
        ([], HEADER.replace("Filename", "File"), "Received: no Filename"),
        ([], "", "Received: no Filename, Annotation tag"),
        (
            [annotation("a", "stop", ("x", 1, 2, 3))],
            HEADER,
            "whole numbers",
        ),
    ],
)
def test_bad_annotations_are_refused(tmp_path, lines, header, message):
    folder = write(tmp_path / "lisa", lines, header)
    with pytest.raises(ValueError, match=message):
        load_lisa(folder, "train")


def test_a_model_of_the_classes_has_17_logits(archive):
    labels = greys(datasets.load("lisa", data_dir=archive))[1]
    model = zoo.models.lisa_cnn(num_classes=len(datasets.LISA_CLASSES))
    assert max(labels) == 16
    assert model.output_shape == (None, 17)


def test_unknown_split_is_refused(archive):
    with pytest.raises(ValueError, match="Received: split='train\\[:5\\]'"):
        datasets.load("lisa", "train[:5]", data_dir=archive)
