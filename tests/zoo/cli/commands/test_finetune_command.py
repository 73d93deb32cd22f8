"""`zoo finetune`: a folder in, a model with its classes out."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

import zoo
from tests.command_line import failed
from tests.command_line import run
from tests.command_line import run_json
from zoo.cli import main
from zoo.inspection import find_head
from zoo.training.datasets.packaged import load_packaged

ONE_STEP = (
    *("--head-epochs", "1", "--epochs", "1", "--batch-size", "4"),
    *("--attack", "ddn:steps=1,max_norm=0.5", "--attack-limit", "2"),
    *("--test-attack", "fgsm:norm=l2"),
)
CLASSES = ("bag", "boot", "coat")


@pytest.fixture
def photos(tmp_path):
    """Five pictures each of three classes, in a folder with a bracket."""
    folder = tmp_path / "[photos]"
    images = load_packaged("fashion_mnist_sample").take(15)
    for index, (image, _) in enumerate(images.as_numpy_iterator()):
        path = folder / CLASSES[index % 3] / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[..., 0]).save(path)
    return folder


@pytest.fixture
def others(photos, tmp_path):
    """The same pictures upside down, to hold out."""
    for path in photos.rglob("*.png"):
        turned = tmp_path / "others" / path.relative_to(photos)
        turned.parent.mkdir(parents=True, exist_ok=True)
        Image.open(path).transpose(Image.Transpose.ROTATE_180).save(turned)
    return tmp_path / "others"


def test_a_preset_learns_the_folders_classes(
    capfd, tmp_path, published, photos
):
    output = tmp_path / "run"
    command = (
        *("finetune", "wrn16_2", "--data", photos),
        *("--output", output, *ONE_STEP),
    )
    assert main([*map(str, command), "--json"]) == 0
    streams = capfd.readouterr()
    data = json.loads(streams.out)
    assert "adversarial_accuracy" in streams.err
    assert data["classes"] == list(CLASSES)
    assert data["training"]["images"] == 12
    report = data["report"]
    assert (report["images"], report["attacked"]) == (3, 2)
    assert report["attacks"][0]["threat"] == {"norm": "l2", "eps": 1.0}
    assert json.loads((output / "report.json").read_text()) == report
    model = keras.saving.load_model(output / "model.keras")
    weights = zoo.load(
        "wrn16_2", num_classes=3, weights=data["weights"]
    ).get_weights()
    for one, other in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(one, other)
    # Again: nothing is trained, and the numbers are the same.
    again = run_json(capfd, *command)
    assert again == data
    shown = run(
        capfd, "predict", photos / "bag/0.png", "--model", data["model"]
    )
    assert any(name in shown for name in CLASSES)
    evaluated = run_json(
        *(capfd, "evaluate", data["model"], "--data", photos, "--limit", "3"),
        *("--attack", "noise:norm=l2,eps=0.1"),
    )
    assert evaluated["images"] == 3


@pytest.mark.large
def test_other_numbers_take_another_output(
    capfd, tmp_path, published, photos, monkeypatch
):
    """The folder's name is the model's, its tag included."""
    monkeypatch.chdir(tmp_path)
    zoo.load("wrn16_2", num_classes=3, weights=None).save("my.tagged.keras")
    command = ("finetune", "my.tagged.keras", "--data", photos, *ONE_STEP)
    folder = Path("runs", "finetune-my.tagged")
    assert run_json(capfd, *command)["model"] == str(folder / "model.keras")
    assert main([*map(str, command), "--seed", "1"]) == 1
    line = capfd.readouterr().err.splitlines()[-1]
    assert line.startswith(f"error: --output {folder}: {folder}/training holds")
    assert line.endswith("Received: other seed, data")


@pytest.mark.large
def test_a_head_that_is_kept_is_not_trained_alone(
    capfd, tmp_path, published, photos
):
    """On few images that would unlearn it."""
    path = tmp_path / "own.keras"
    zoo.load("wrn16_2", num_classes=3, weights=None).save(path)
    options = (*ONE_STEP[2:], "--data", photos, "--output")
    kept = run_json(capfd, "finetune", path, *options, tmp_path / "kept")
    assert kept["training"]["head_epochs"] == 0
    fresh = run_json(
        *(capfd, "finetune", "wrn16_2", *options, tmp_path / "fresh")
    )
    assert fresh["training"]["head_epochs"] == 5


@pytest.mark.large
def test_from_scratch_in_half_precision(
    capfd, tmp_path, published, photos, others
):
    output = tmp_path / "run"
    data = run_json(
        *(capfd, "finetune", "wrn16_2", "--data", photos, *ONE_STEP),
        *("--from-scratch", "--policy", "mixed_bfloat16"),
        *("--validation", others, "--output", output),
    )
    assert data["from"] is None
    training = data["training"]
    assert (training["head_epochs"], training["epochs"]) == (0, 2)
    assert training["images"] == data["report"]["images"] == 15
    assert data["report"]["attack_policy"] == "mixed_bfloat16"
    model = keras.saving.load_model(output / "model.keras")
    assert model.dtype_policy.name == "float32"


@pytest.mark.parametrize(
    "defense",
    [pytest.param("irm", marks=pytest.mark.large), "jpeg", "blurnet"],
)
def test_what_defend_gives(capfd, tmp_path, photos, defense):
    model = keras.Sequential(
        [
            keras.Input((16, 16, 1)),
            keras.layers.Conv2D(2, 3, strides=2, padding="same"),
            keras.layers.GlobalMaxPooling2D(),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )
    path = tmp_path / "defended.keras"
    zoo.defend(model, defense).save(path)
    output = tmp_path / "run"
    data = run_json(
        *(capfd, "finetune", path, "--data", photos, "--output", output),
        *ONE_STEP,
    )
    assert data["from"] == str(path)
    assert (output / "model.classes.txt").read_text().split() == list(CLASSES)


def test_errors_are_one_line(capsys, tmp_path, published, photos):
    command = ("finetune", "wrn16_2", "--output", tmp_path / "run", "--data")
    assert "no such folder" in failed(capsys, *command, tmp_path / "missing")
    assert "no folders in" in failed(capsys, *command, photos / "bag")
    assert "--from-scratch and --policy are for presets" in failed(
        capsys, "finetune", "own.keras", "--data", photos, "--from-scratch"
    )
    assert "preset or a .keras file" in failed(
        capsys, "finetune", str(tmp_path), "--data", photos
    )
    assert "near names" in failed(
        capsys, "finetune", "wrn16_3", "--data", photos
    )
    few = photos.parent / "few"
    for name, count in (("ant", 1), ("bee", 2)):
        (few / name).mkdir(parents=True)
        for index in range(count):
            Image.new("L", (4, 4)).save(few / name / f"{index}.png")
    assert "1 of ant" in failed(capsys, *command, few)
    (few / "ant" / "0.png").unlink()
    (few / "ant").rmdir()
    assert "two classes or more" in failed(capsys, *command, few)
    assert not (tmp_path / "run").exists()


def test_folders_of_the_presets_own_classes_keep_its_order(
    capfd, tmp_path, published, photos
):
    names = zoo.info("wrn16_2").classes
    folder = tmp_path / "own"
    for index, name in enumerate(names):
        for copy in range(2):
            path = folder / name.replace("/", "_") / f"{copy}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (28, 28), 20 * index + copy).save(path)
    data = run_json(
        *(capfd, "finetune", "wrn16_2", "--data", folder, *ONE_STEP),
        *("--epochs", "0", "--output", tmp_path / "run"),
    )
    assert data["classes"] == list(names)


@pytest.mark.parametrize(("names", "kept"), [("abcdefghij", 0), (None, 1)])
def test_other_classes_have_a_new_head(
    capfd, tmp_path, published, photos, monkeypatch, names, kept
):
    """As many classes as the preset's, but others."""
    heads = []
    load = zoo.load

    def watched(name, **options):
        model = load(name, **options)
        heads.append(find_head(model).get_weights()[0])
        return model

    names = names or zoo.info("wrn16_2").classes
    for index, name in enumerate(names):
        for copy in range(2):
            path = tmp_path / "own" / name.replace("/", "_") / f"{copy}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (28, 28), 2 * index + copy).save(path)
    monkeypatch.setattr(zoo, "load", watched)
    run_json(
        *(capfd, "finetune", "wrn16_2", "--data", tmp_path / "own"),
        *(*ONE_STEP, "--output", tmp_path / "run"),
    )
    own = find_head(load("wrn16_2")).get_weights()[0]
    assert np.array_equal(heads[0], own) == kept


def test_a_broken_picture_is_one_line(
    capfd, tmp_path, published, photos, others
):
    """TensorFlow's account of it, which names the graph, is not shown."""
    bad = photos / "coat" / "bad.png"
    bad.write_text("no picture")
    command = (
        *("finetune", "wrn16_2", "--data", photos, "--validation", others),
        *("--output", tmp_path / "run", *ONE_STEP),
    )
    assert main([*map(str, command)]) == 1
    streams = capfd.readouterr()
    assert streams.out == ""
    assert streams.err.splitlines()[-1] == (
        f"error: {bad} is not a picture Pillow can read."
    )
    assert "Traceback" not in streams.err


def test_folders_of_two_lines_are_refused(capsys, tmp_path, published, photos):
    """The names of the classes are lines of a file beside the model."""
    (photos / "coat").rename(photos / "coat\nerror: none")
    line = failed(
        capsys,
        *("finetune", "wrn16_2", "--data", photos),
        *("--output", tmp_path / "run"),
    )
    assert r"no control characters. Received: 'coat\nerror: none'" in line
    assert not (tmp_path / "run").exists()
