"""The command line on the user's own models and pictures."""

import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import zoo
from tests.command_line import failed
from tests.command_line import run
from tests.command_line import run_json
from zoo import exports
from zoo.cli import main
from zoo.cli.models import NamedModel
from zoo.saved_model_folder import CLASSES_FILE


@pytest.fixture
def classifier():
    """A linear model: class 1 is bright, class 0 dark, the border at 0.5."""
    model = keras.Sequential(
        [
            keras.Input((4, 4, 3)),
            keras.layers.Flatten(),
            keras.layers.Dense(2, name="logits"),
        ]
    )
    kernel = np.stack([np.full(48, -1.0), np.full(48, 1.0)], axis=-1)
    model.set_weights([kernel, np.array([24.0, -24.0])])
    return model


@pytest.fixture
def model(classifier, tmp_path):
    path = tmp_path / "model.keras"
    classifier.save(path)
    return str(path)


@pytest.fixture
def served(classifier, tmp_path):
    exports.save(classifier, tmp_path / "served")
    return str(tmp_path / "served")


@pytest.fixture
def photos(tmp_path):
    """Flat pictures of another size: 3 dark ones and 3 bright ones."""
    for name, grey in {"dark": 100, "light": 160}.items():
        for index, suffix in enumerate(("png", "webp", "jpg")):
            path = tmp_path / "photos" / name / f"{index}.{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (9, 7), (grey, grey, grey)).save(path)
    return tmp_path / "photos"


def test_probabilities_are_not_taken_for_logits(
    capsys, classifier, photos, tmp_path
):
    outputs = keras.layers.Softmax()(classifier.outputs[0])
    confident = keras.Model(classifier.inputs, outputs)
    path = tmp_path / "confident.keras"
    confident.save(path)
    picture = photos / "light" / "0.png"
    (predicted,) = run_json(capsys, "predict", picture, "--model", path)
    # 48 pixels at 160 of 255 lie 6.118 above the bias, for one class and as
    # far below for the other.
    expected = 1 / (1 + np.exp(-2 * (48 * 160 / 255 - 24)))
    assert predicted["classes"][0]["class"] == "1"
    assert predicted["classes"][0]["probability"] == pytest.approx(expected)
    logits = NamedModel.parse(str(path)).load()(
        np.full((1, 4, 4, 3), 160 / 255)
    )
    np.testing.assert_allclose(logits, [[-6.1176, 6.1176]], rtol=1e-4)
    report = run_json(
        capsys,
        *("evaluate", path, "--data", photos, "--sanity", 6),
        *("--attack", "fgsm:norm=linf,eps=0.12"),
    )
    assert "not logits" not in [flag["rule"] for flag in report["flags"]]
    assert report["attacks"][0]["robust"]["mean"] == 0.5
    export = run_json(capsys, "export", path, tmp_path / "out")
    assert export["max_abs_difference"] < 1e-4


def test_probabilities_that_no_softmax_gives_are_refused(
    capsys, classifier, photos, tmp_path
):
    """The mean of two softmaxes is no softmax of anything in the model."""
    outputs = [
        keras.layers.Softmax()(factor * classifier.outputs[0])
        for factor in (1.0, 0.5)
    ]
    path = tmp_path / "mean.keras"
    keras.Model(classifier.inputs, keras.layers.average(outputs)).save(path)
    for command in (
        ("predict", photos / "light" / "0.png", "--model", path),
        ("evaluate", path, "--data", photos),
        ("attack", path, "--data", photos),
        ("finetune", path, "--data", photos, "--output", tmp_path / "run"),
        ("export", path, tmp_path / "out"),
    ):
        assert "take the softmax at its end away" in failed(capsys, *command)
    assert not (tmp_path / "out").exists()


def test_models_of_other_inputs_are_one_line(capsys, photos, tmp_path):
    flat = keras.Sequential([keras.Input((48,)), keras.layers.Dense(2)])
    two = [keras.Input((4, 4, 3)) for _ in range(2)]
    pair = keras.layers.GlobalAveragePooling2D()(keras.layers.add(two))
    for name, model in (("flat", flat), ("two", keras.Model(two, pair))):
        path = tmp_path / f"{name}.keras"
        model.save(path)
        line = failed(
            capsys, "predict", photos / "light" / "0.png", "--model", path
        )
        assert "must take one batch of images, (batch, height" in line
        assert f"Received: {model.name} with input shape" in line


def test_archives_of_other_files_are_one_line(capsys, tmp_path):
    path = tmp_path / "other.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "no model")
    line = failed(capsys, "evaluate", path)
    assert line == f"error: {path} is not a Keras model file.\n"
    path.write_text("no archive")
    assert failed(capsys, "evaluate", path) == line


def test_pictures_end_in_png(capsys, tmp_path):
    line = failed(
        capsys, "attack", "wrn16_2", "--output", tmp_path / "attack.txt"
    )
    assert "--output must end in .png. Received: " in line


def test_one_output_for_two_classes_is_told(capsys, photos, tmp_path):
    model = keras.Sequential(
        [
            keras.Input((4, 4, 3)),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(1, "sigmoid"),
        ]
    )
    path = tmp_path / "binary.keras"
    model.save(path)
    for command in (
        ("predict", photos / "light" / "0.png", "--model", path),
        ("evaluate", path, "--data", photos),
        ("attack", path, "--data", photos, "--output", tmp_path / "a.png"),
    ):
        line = failed(capsys, *command)
        assert "a logit for each class, two where there are two" in line
        assert f"{path}, which returns one number" in line


def test_logits_that_are_no_numbers_are_one_line(
    capsys, classifier, photos, tmp_path
):
    classifier.set_weights([w * np.nan for w in classifier.get_weights()])
    path = tmp_path / "nan.keras"
    classifier.save(path)
    picture = photos / "light" / "0.png"
    for json in ((), ("--json",)):
        line = failed(capsys, "predict", picture, "--model", path, *json)
        assert "must be finite" in line and str(path) in line


def test_many_names_are_no_path(capsys, photos, tmp_path):
    """Between commas they are longer than a file's name may be."""
    model = keras.Sequential(
        [
            keras.Input((4, 4, 3)),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(100),
        ]
    )
    path = tmp_path / "many.keras"
    model.save(path)
    names = [f"class {index}" for index in range(100)]
    (row,) = run_json(
        capsys,
        *("predict", photos / "light" / "0.png", "--model", path),
        *("--classes", ",".join(names), "--top", 100),
    )
    assert {one["class"] for one in row["classes"]} == set(names)
    with pytest.raises(zoo.UnknownPresetError):
        NamedModel.parse("n" * 300)


def test_keras_file_on_a_folder(capsys, model, photos):
    """Dark pictures, at 100/255, lie 0.108 from the border, bright 0.127."""
    report = run_json(
        capsys,
        *("evaluate", model, "--data", photos),
        *("--attack", "fgsm:norm=linf,eps=0.1"),
        *("--attack", "fgsm:norm=linf,eps=0.12"),
        *("--attack", "fgsm:norm=linf,eps=0.13"),
    )
    assert report["dataset"] == str(photos)
    assert report["images"] == 6
    assert report["clean"]["mean"] == 1
    robust = [result["robust"]["mean"] for result in report["attacks"]]
    assert robust == [1, 0.5, 0]


def test_archives_on_disk_are_resized_to_the_model(capsys, model, tmp_path):
    images = tmp_path / "Final_Test" / "Images"
    images.mkdir(parents=True)
    lines = ["Filename;Width;ClassId"]
    for index, (grey, label) in enumerate([(100, 0), (160, 1), (90, 1)]):
        picture = Image.new("RGB", (9, 7), (grey, grey, grey))
        picture.save(images / f"{index:05}.ppm")
        lines.append(f"{index:05}.ppm;9;{label}")
    (tmp_path / "GT-final_test.csv").write_text("\n".join(lines))
    command = ("evaluate", model, "--data", "gtsrb")
    report = run_json(
        capsys,
        *(*command, "--data-dir", tmp_path),
        *("--attack", "fgsm:norm=linf,eps=0.01"),
    )
    assert report["dataset"] == "gtsrb, test"
    assert report["clean"]["mean"] == pytest.approx(2 / 3)
    assert "--data-dir" in failed(capsys, *command)


def test_classes_give_the_order_of_folders(capsys, model, photos, tmp_path):
    file = tmp_path / "classes.txt"
    file.write_text("light\ndark\n")
    for classes in ("light, dark", file):
        report = run_json(
            capsys,
            *("evaluate", model, "--data", photos, "--classes", classes),
            *("--attack", "fgsm:eps=0.1"),
        )
        assert report["clean"]["mean"] == 0


def test_attack_names_the_folders(capsys, model, photos, tmp_path):
    result = run_json(
        capsys,
        *("attack", model, "--data", photos, "--limit", 6),
        *("--attack", "fgsm:norm=linf,eps=0.13"),
        *("--output", tmp_path / "attack.png"),
    )
    rows = [
        (r["label"], r["clean"], r["adversarial"]) for r in result["images"]
    ]
    assert sorted(set(rows)) == [
        ("dark", "dark", "light"),
        ("light", "light", "dark"),
    ]


def test_wrong_folders_are_one_line(capsys, model, photos):
    command = ("evaluate", model, "--data", photos)
    line = failed(capsys, *command, "--classes", "dark,light,grey")
    assert "has 2 classes" in line and "Received: 3 in --classes" in line
    assert "Received: light" in failed(capsys, *command, "--classes", "dark,x")
    assert "takes images of 4x4" in failed(
        capsys, *command, "--image-size", "8x8"
    )
    assert "Received: split='train'" in failed(
        capsys, *command, "--split", "train"
    )
    (photos / "medium").mkdir()
    assert "name each" in failed(capsys, *command)
    bad = photos / "light" / "bad.jpg"
    bad.write_text("no picture")
    (photos / "medium").rmdir()
    assert failed(capsys, *command) == (
        f"error: {bad} is not a picture Pillow can read.\n"
    )
    missing = photos / "missing"
    assert str(missing) in failed(capsys, "evaluate", model, "--data", missing)


def test_models_of_any_size_need_a_size(capsys, photos, tmp_path):
    path = tmp_path / "any.keras"
    keras.Sequential(
        [
            keras.Input((None, None, 3)),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(2),
        ]
    ).save(path)
    command = ("evaluate", path, "--data", photos, "--attack", "fgsm:eps=0.1")
    assert "--image-size" in failed(capsys, *command)
    pictures = (photos / "light" / "0.png", photos / "dark" / "0.png")
    predict = ("predict", *pictures, "--model", path)
    assert "--image-size" in failed(capsys, *predict)
    assert len(run_json(capsys, *predict, "--image-size", "5x3")) == 2
    report = run_json(capsys, *command, "--image-size", "5x3")
    assert report["images"] == 6
    with pytest.raises(SystemExit) as exit:
        main([*map(str, command), "--image-size", "5"])
    assert exit.value.code == 2


def test_gradient_attacks_on_a_saved_model_are_refused(
    capsys, served, photos, tmp_path
):
    output = tmp_path / "report.json"
    line = failed(
        capsys, "evaluate", served, "--data", photos, "--output", output
    )
    assert "pgd needs the model's gradient" in line
    assert "--transfer-from" in line
    picture = tmp_path / "attack.png"
    line = failed(
        capsys, "attack", served, "--data", photos, "--output", picture
    )
    assert "pgd needs the model's gradient" in line
    assert not output.exists() and not picture.exists()


def test_transfer_to_a_saved_model(capsys, model, served, photos, tmp_path):
    """Made on the same weights, it does what it does to them."""
    report = run_json(
        capsys,
        *("evaluate", served, "--data", photos, "--transfer-from", model),
        *("--attack", "fgsm:norm=linf,eps=0.12"),
        *("--attack", "pgd:norm=linf,eps=0.13,steps=3"),
    )
    assert report["clean"]["mean"] == 1
    robust = [result["robust"]["mean"] for result in report["attacks"]]
    assert robust == [0.5, 0]
    result = run_json(
        capsys,
        *("attack", served, "--data", photos, "--transfer-from", model),
        *("--attack", "fgsm:norm=linf,eps=0.13"),
        *("--output", tmp_path / "attack.png"),
    )
    assert all(row["clean"] != row["adversarial"] for row in result["images"])


def test_transfer_from_a_saved_model_is_refused(capsys, model, served):
    line = failed(
        capsys,
        *("evaluate", model, "--transfer-from", served),
        *("--attack", "fgsm:eps=0.1"),
    )
    assert "fgsm needs the model's gradient, but served" in line


def test_cards_take_no_transfer(capsys, model):
    line = failed(
        capsys,
        *("evaluate", "wrn16_2", "--transfer-from", model, "--write-card"),
    )
    assert "attacks on the model itself" in line


def test_predict_with_a_saved_model(capsys, served, photos):
    (row,) = run_json(
        capsys, "predict", photos / "light" / "0.png", "--model", served
    )
    assert row["classes"][0]["class"] == "1"


def test_an_export_keeps_the_names_of_its_classes(
    capsys, model, photos, tmp_path
):
    """They name predictions, and say which folder is which class."""
    picture = photos / "light" / "0.png"
    named = ("--classes", "shade, light")
    export = tmp_path / "named"
    run(capsys, "export", model, export, *named)
    (row,) = run_json(capsys, "predict", picture, "--model", export)
    assert row["classes"][0]["class"] == "light"
    (row,) = run_json(capsys, "predict", picture, "--model", model, *named)
    assert row["classes"][0]["class"] == "light"
    (photos / "dark").rename(photos / "shade")
    report = run_json(
        capsys,
        *("evaluate", export, "--data", photos),
        *("--attack", "square:norm=linf,eps=0.01,queries=2"),
    )
    assert report["clean"]["mean"] == 1
    (export / "1" / CLASSES_FILE).write_text('["one"]')
    line = failed(capsys, "predict", picture, "--model", export)
    assert "name each of its 2 classes. Received: 1 names" in line


def test_names_must_be_as_many_as_classes(capsys, model, tmp_path):
    line = failed(
        capsys, "export", model, tmp_path / "export", "--classes", "one"
    )
    assert "has 2 classes; name each" in line
    assert not (tmp_path / "export").exists()


def test_predict_with_an_export_of_any_size(capsys, photos, tmp_path):
    any_size = keras.Sequential(
        [
            keras.Input((None, None, 3)),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(2),
        ]
    )
    any_size.export(tmp_path / "any", verbose=False)
    command = ("predict", photos / "light" / "0.png", "--model")
    line = failed(capsys, *command, tmp_path / "any")
    assert "on the command line --image-size" in line
    size = ("--image-size", "5x3")
    (row,) = run_json(capsys, *command, tmp_path / "any", *size)
    assert len(row["classes"]) == 2


def test_a_preset_comes_before_a_folder_of_its_name(
    capsys, served, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "served").rename("wrn16_2")
    assert "irm_wrn16_2" in failed(capsys, "attack", "wrn16_3")
    line = failed(capsys, "attack", "./wrn16_2", "--attack", "fgsm:eps=0.1")
    assert "needs the model's gradient" in line
    assert NamedModel.parse("wrn16_2").kind == "preset"
    assert NamedModel.parse("./wrn16_2").kind == "saved_model"
    assert "the folder ./wrn16_2" in failed(
        capsys, "export", "./wrn16_2", tmp_path / "again"
    )


def test_layers_of_ones_own_are_one_line(capsys, tmp_path):
    @keras.saving.register_keras_serializable(package="elsewhere")
    class Own(keras.layers.Layer):
        def call(self, images):
            return images

    path = tmp_path / "own.keras"
    keras.Sequential([keras.Input((4, 4, 3)), Own()]).save(path)
    registered = keras.saving.get_custom_objects()
    registered.pop("elsewhere>Own")
    line = failed(capsys, "evaluate", path)
    assert str(path) in line and "model.export(DIR)" in line


def test_programs_run_only_if_they_are_trusted(capsys, photos, tmp_path):
    written = tmp_path / "written.txt"

    class Program(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, 4, 4, 3))])
        def serve(self, image):
            with tf.control_dependencies(
                [tf.io.write_file(str(written), "harm")]
            ):
                return {"logits": tf.reshape(image, (-1, 48))[:, :2]}

    program, path = Program(), tmp_path / "program"
    tf.saved_model.save(program, path, signatures=program.serve)
    predict = ("predict", photos / "light" / "0.png", "--model", path)
    for command in (
        predict,
        ("evaluate", path, "--data", photos),
        ("attack", path, "--data", photos, "--output", tmp_path / "a.png"),
        ("evaluate", "wrn16_2", "--transfer-from", path),
    ):
        line = failed(capsys, *command)
        assert str(path) in line and "--trust" in line and "WriteFile" in line
    assert not written.exists()
    run(capsys, *predict, "--trust")
    assert written.read_text() == "harm"


def saved(path, *outputs, shape=(4, 4, 3), dtype="float32"):
    """Saves a model of such outputs of its flattened images."""
    images = keras.Input(shape, dtype=dtype)
    flat = keras.layers.Flatten()(images)
    found = [output(flat) for output in outputs]
    keras.Model(images, found if len(found) > 1 else found[0]).save(path)


@pytest.mark.parametrize(
    ("outputs", "dtype", "said"),
    [
        ([keras.layers.Dense(2)] * 2, "float32", "must have one output"),
        ([keras.layers.Reshape((4, 4, 3))], "float32", "must have one output"),
        ([lambda flat: flat[:, :0]], "float32", "which returns none"),
        ([keras.layers.Dense(2)], "int32", "must take floating-point images"),
    ],
    ids=["two", "map", "none", "integers"],
)
def test_other_models_are_one_line_in_every_command(
    capsys, photos, tmp_path, outputs, dtype, said
):
    path = tmp_path / "other.keras"
    saved(path, *outputs, dtype=dtype)
    for command in (
        ("predict", photos / "light" / "0.png", "--model", path),
        ("export", path, tmp_path / "out"),
        ("evaluate", path, "--data", photos),
        ("attack", path, "--data", photos, "--output", tmp_path / "a.png"),
    ):
        line = failed(capsys, *command)
        assert said in line and len(line) < 400
    assert not (tmp_path / "out").exists()


def test_models_that_are_not_built_are_one_line(capsys, photos, tmp_path):
    path = tmp_path / "unbuilt.keras"
    keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(2)]).save(path)
    line = failed(capsys, "export", path, tmp_path / "out")
    assert "A model must have one output" in line
