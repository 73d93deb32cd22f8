"""The command line: output, exit statuses, one-line errors."""

import json
import os
import re
import shlex
import subprocess
import sys
import types
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import zoo
from tests.command_line import failed
from tests.command_line import run
from tests.command_line import run_json
from tests.paths import ROOT
from zoo.cli import main
from zoo.cli.commands import evaluate_command
from zoo.training.attacks import registry
from zoo.training.evaluation import AttackedImages

PGD = "pgd:norm=l2,eps=0.5,steps=2"


@pytest.fixture
def model(tmp_path):
    """A small `.keras` classifier of 28x28 grey images."""
    path = tmp_path / "model.keras"
    zoo.models.wide_resnet(depth=10, width=1, image_shape=(28, 28, 1)).save(
        path
    )
    return str(path)


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "picture.png"
    pixels = np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return str(path)


def test_list(capsys):
    rows = run_json(capsys, "list", "irm_*")
    assert [row["name"] for row in rows] == zoo.list_models("irm_*")
    assert "irm_wrn16_2" in run(capsys, "list")


def test_info(capsys):
    card = run_json(capsys, "info", "irm_wrn16_2")
    assert card["input"]["shape"] == [28, 28, 1]
    text = run(capsys, "info", "irm_wrn16_2")
    assert text == f"{zoo.info('irm_wrn16_2')}\n"
    assert "\n  input      28x28x1, pixels in [0, 1]\n" in text


def test_unknown_preset_lists_near_names(capsys):
    for command in ("info", "download", "attack", "evaluate"):
        assert "irm_wrn16_2" in failed(capsys, command, "irm_wrn16")


def test_download(capsys, published):
    path = run_json(capsys, "download", "wrn16_2")["path"]
    assert path == str(zoo.download("wrn16_2"))
    assert "[v2]" in path
    assert len(path) > 80
    assert run(capsys, "download", "wrn16_2") == f"{path}\n"


@pytest.mark.parametrize(
    ("command", "others"),
    [
        ("download", ()),
        ("evaluate", ()),
        ("attack", ()),
        ("finetune", ("--data", ".")),
        ("export", ("served",)),
    ],
)
def test_unpublished_weights(capsys, command, others):
    line = failed(capsys, command, "irm_wrn28_10.aaac", *others)
    assert "`zoo list` says" in line
    assert "weights=None" not in line


def test_predict(capsys, model, picture):
    (row,) = run_json(
        capsys, "predict", picture, "--model", model, "--top", "2"
    )
    assert row["picture"] == picture
    assert len(row["classes"]) == 2
    first, second = (c["probability"] for c in row["classes"])
    assert 1 >= first >= second >= 0


def test_prediction_is_the_models_on_the_resized_picture(
    capsys, model, picture
):
    (row,) = run_json(
        capsys, "predict", picture, "--model", model, "--top", "10"
    )
    with Image.open(picture) as image:
        image = image.convert("L").resize((28, 28), Image.Resampling.BILINEAR)
    pixels = np.asarray(image, "float32")[None, :, :, None] / 255.0
    logits = keras.saving.load_model(model).predict(pixels, verbose=0)
    exponentials = np.exp(logits[0] - logits.max())
    given = {int(c["class"]): c["probability"] for c in row["classes"]}
    np.testing.assert_allclose(
        [given[index] for index in range(10)],
        exponentials / exponentials.sum(),
        rtol=1e-5,
    )


def test_paths_of_pictures_are_shown_as_they_are(
    capsys, monkeypatch, model, picture, tmp_path
):
    monkeypatch.setenv("COLUMNS", "400")
    path = tmp_path / "[v2]" / "picture.png"
    path.parent.mkdir()
    Path(picture).rename(path)
    assert str(path) in run(capsys, "predict", str(path), "--model", model)


def test_unreadable_pictures(capsys, model, picture, tmp_path):
    text = tmp_path / "text.png"
    text.write_text("no picture")
    line = failed(capsys, "predict", picture, str(text), "--model", model)
    assert str(text) in line
    missing = str(tmp_path / "missing.png")
    assert missing in failed(capsys, "predict", missing, "--model", model)
    truncated = tmp_path / "truncated.png"
    with open(picture, "rb") as file:
        truncated.write_bytes(file.read()[:200])
    line = failed(capsys, "predict", str(truncated), "--model", model)
    assert str(truncated) in line


def test_attack_draws_a_picture(capsys, model, tmp_path):
    output = tmp_path / "attack.png"
    result = run_json(
        capsys,
        *("attack", model, "--attack", PGD, "--limit", "3"),
        *("--output", str(output)),
    )
    assert len(result["images"]) == 3
    assert all(row["l2"] <= 0.5 + 1e-5 for row in result["images"])
    with Image.open(output) as picture:
        assert picture.format == "PNG"


def test_attack_checks_names_before_it_attacks(capsys, model, monkeypatch):
    monkeypatch.setattr(AttackedImages, "from_model", None)
    line = failed(capsys, "attack", model, "--classes", "one,two")
    assert "has 10 classes" in line and "Received: 2 in --classes" in line


def test_evaluate_writes_its_report(capsys, model, tmp_path):
    output = tmp_path / "report.json"
    report = run_json(
        capsys,
        *("evaluate", model, "--attack", PGD, "--attack", "fgsm:eps=0.05"),
        *("--limit", "20", "--output", str(output)),
    )
    assert report == json.loads(output.read_text())
    assert report["images"] == 20
    assert [a["attack"] for a in report["attacks"]] == ["pgd", "fgsm"]


def test_evaluate_looks_for_flags(capsys, model):
    arguments = ("evaluate", model, "--attack", "noise:eps=0.1")
    report = run_json(capsys, *arguments, "--limit", "8", "--sanity", "4")
    assert "no white box" in [flag["rule"] for flag in report["flags"]]


def test_evaluate_resumes_and_skips(capsys, model, tmp_path):
    """The second call finds every batch, and says the same to the digit."""
    arguments = (
        *("evaluate", model, "--attack", PGD, "--attack", PGD),
        *("--limit", "20", "--skip-fooled"),
        *("--resume", str(tmp_path / "batches")),
    )
    report = run_json(capsys, *arguments)
    assert report["skip_fooled"]
    assert report["attacks"][1]["images"] < 20
    assert run_json(capsys, *arguments) == report
    line = failed(capsys, *arguments, "--seed", "1")
    assert "seed was 0, now 1" in line


def test_evaluate_takes_a_suite(capsys, model, monkeypatch):
    monkeypatch.setitem(registry.SUITES, "quick", ("fgsm", "pgd:steps=2"))
    for spec, norm, eps in (
        ("quick", "l2", 1.0),
        ("quick:norm=linf,eps=0.1", "linf", 0.1),
    ):
        report = run_json(
            capsys, "evaluate", model, "--attack", spec, "--limit", "8"
        )
        attacks = report["attacks"]
        assert [a["attack"] for a in attacks] == ["fgsm", "pgd"]
        for attack in attacks:
            assert attack["threat"] == {"norm": norm, "eps": eps}
        assert report["skip_fooled"]


@pytest.mark.parametrize("spec", ["standard", "standard:norm=linf,eps=0.1"])
def test_attack_takes_no_suite(capsys, model, spec):
    line = failed(capsys, "attack", model, "--attack", spec)
    assert f"Received: --attack={spec}" in line


def test_a_suite_takes_few_options(capsys, model):
    for command in ("attack", "evaluate"):
        line = failed(capsys, command, model, "--attack", "standard:loss=ce")
        assert "no options but norm, eps, steps" in line


RP2 = ("--attack", "rp2", "--target", "yield")
MISSPELT = (
    ("evaluate", "wrn16_2", "--attack", "pdg"),
    ("evaluate", "wrn16_2", "--attack", "standard:loss=ce"),
    ("evaluate", "wrn16_2", "--data", "./missing"),
    ("attack", "wrn16_2", "--data", "/missing"),
    ("attack", "wrn16_2", "--attack", "standard"),
    ("tune", "irm_wrn16_2", "--data", "./missing"),
    ("finetune", "wrn16_2", "--data", "missing"),
    ("finetune", "wrn16_2", "--data", ".", "--validation", "missing"),
    ("evaluate", "wrn16_2", "--transfer-from", "missing.keras"),
    ("evaluate", "wrn16_3"),
    ("attack", "missing/folder"),
    ("attack", "lisa_cnn", "--attack", "rp2", "--target", "yeild"),
    ("attack", "lisa_cnn", "--attack", "rp2", "--target", "stop"),
    ("attack", "wrn16_2", "--attack", "rp2", "--target", "yield"),
    ("attack", "wrn16_2", "--attack", "fsgm:eps=0.1"),
    ("predict", "missing.png"),
    ("predict", "missing.png", "--model", "missing.keras"),
    ("export", "wrn16_2", ".", "--version", "1"),
    ("export", "wrn16_2", "two words", "--bundle"),
    ("finetune", "irm_wrn28_10.aaac", "--data", "."),
    ("finetune", "missing.keras", "--data", "."),
    ("finetune", "wrn16_3", "--data", ".", "--from-scratch"),
    ("evaluate", "wrn16_2", "--output", "file/report.json"),
    ("attack", "wrn16_2", "--output", "file/deep/attack.png"),
    ("attack", "lisa_cnn", *RP2, "--output", "file/attack.png"),
    ("attack", "lisa_cnn", *RP2, "--mask", "octogon"),
    ("attack", "lisa_cnn", "--attack", "rp2:stepz=1", "--target", "yield"),
    ("attack", "lisa_cnn", "--attack", "rp2:steps=0", "--target", "yield"),
    ("attack", "lisa_cnn", "--attack", "rp2:palette=1", "--target", "yield"),
    ("tune", "irm_wrn16_2", "--save", "file/best.keras"),
    ("finetune", "wrn16_2", "--data", ".", "--output", "file"),
    ("demo", "--output", "file"),
    ("evaluate", "wrn16_2", "--resume", "file"),
    ("evaluate", "wrn16_2", "--attack", "pgd:epss=0.1"),
    ("evaluate", "wrn16_2", "--attack", "pgd:eps=-0.1"),
    ("evaluate", "wrn16_2", "--attack", "pgd:norm=linf,eps=8"),
    ("evaluate", "wrn16_2", "--attack", "PGD"),
    ("evaluate", "wrn16_2", "--data", "fashion_mnits"),
    ("evaluate", "wrn16_2", "--data", "./empty"),
    ("evaluate", "wrn16_2", "--data", "./one"),
    ("evaluate", "wrn16_2", "--data", "./one", "--split", "train"),
    ("evaluate", "wrn16_2", "--data", "gtsrb"),
    ("evaluate", "wrn16_2", "--data", "gtsrb", "--data-dir", "missing"),
    ("evaluate", "wrn16_2", "--classes", "missing.txt"),
    ("evaluate", "wrn16_2", "--classes", "one,two"),
    ("attack", "wrn16_2", "--attack", "fgsm:norm=l3"),
    ("attack", "wrn16_2", "--transfer-from", "IRM_WRN16_3"),
    ("tune", "irm_wrn16_2", "--attack", "ddn:stepz=4"),
    ("finetune", "wrn16_2", "--data", "one"),
    ("finetune", "wrn16_2", "--data", "two", "--attack", "pgd:eps=-1"),
    ("finetune", "wrn16_2", "--data", "two", "--test-attack", "standard"),
    ("finetune", "wrn16_2", "--data", "two", "--output", "file"),
    ("export", "wrn16_2", "file/served"),
    ("export", "wrn16_2", "new", "--classes", "one,two"),
    ("export", "wrn16_2", "new", "--int8", "8"),
    ("export", "wrn16_2", "new", "--format", "onnx", "--seeded"),
    ("export", "wrn16_2", "new", "--format", "onnx", "--seed", "1"),
    ("predict", "one/ant/0.png", "--classes", "missing.txt"),
    ("predict", "one/ant/0.png", "--model", "broken.keras"),
    ("train", "fashion_mnst"),
    ("train", "fashion_mnist", "--workdir", "file"),
    ("train", "fashion_mnist", "--stage", "nope"),
    ("train", "rendered_signs", "--stage", "lisa_cnn", "--stage", "irm"),
    ("evaluate", "wrn16_2", "--write-card", "--data", "rendered_signs_sample"),
    ("evaluate", "wrn16_2", "--write-card"),
    (
        *("evaluate", "wrn16_2", "--write-card", "--data", "fashion_mnist"),
        *("--split", "train"),
    ),
    ("reproduce", "imr"),
    ("reproduce", "irm", "--only", "tab9"),
    ("reproduce", "irm", "--seeds", "2"),
    ("reproduce", "irm", "--workdir", "file"),
)


def test_mistakes_are_found_before_tensorflow_is_imported(tmp_path):
    (tmp_path / "1").mkdir()
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    (tmp_path / "broken.keras").write_text("no archive")
    for folder, count in (("one", 1), ("two", 2)):
        for name in ("ant", "bee")[:count]:
            (tmp_path / folder / name).mkdir(parents=True)
            for index in range(2):
                picture = tmp_path / folder / name / f"{index}.png"
                Image.new("L", (4, 4)).save(picture)
    code = (
        "import sys\n"
        "from zoo.cli import main\n"
        f"for arguments in {MISSPELT!r}:\n"
        "    assert main(arguments) == 1, arguments\n"
        "    assert 'tensorflow' not in sys.modules, arguments\n"
    )
    finished = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stderr.count("error: ") == len(MISSPELT)


def test_the_package_is_the_command():
    finished = subprocess.run(
        [sys.executable, "-m", "zoo", "list", "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    listed = [row["name"] for row in json.loads(finished.stdout)]
    assert listed == zoo.list_models()


def test_evaluate_refuses_what_it_cannot_do(capsys, model, tmp_path):
    assert "Received: 'pdg'" in failed(
        capsys, "evaluate", model, "--attack", "pdg"
    )
    assert ".json or .md" in failed(
        capsys, "evaluate", model, "--output", "report.txt"
    )
    assert "takes a preset" in failed(capsys, "evaluate", model, "--write-card")
    assert "Received: name='nonsense'" in failed(
        capsys, "evaluate", model, "--data", "nonsense"
    )
    assert "Did you mean 'fashion_mnist'?" in failed(
        capsys, "evaluate", model, "--data", "fashion_mnits"
    )
    assert "at most 1 in linf" in failed(
        capsys, "evaluate", model, "--attack", "pgd:norm=linf,eps=8"
    )


def test_export(capsys, model, tmp_path):
    report = run_json(capsys, "export", model, str(tmp_path / "served"))
    assert report["max_abs_difference"] < 1e-4
    assert (tmp_path / "served" / "1" / "saved_model.pb").is_file()
    line = failed(capsys, "export", model, str(tmp_path / "served"))
    assert "--overwrite is given" in line
    assert "served/1, which exists" in line
    options = ("--overwrite", "--check-pixels", "--bundle")
    shown = run(capsys, "export", model, str(tmp_path / "served"), *options)
    assert "served/serving" in re.sub(r"[\s│]", "", shown)
    assert (tmp_path / "served" / "serving" / "models.config").is_file()
    options = ("--version", "2", "--bundle")
    shown = run(capsys, "export", model, str(tmp_path / "served"), *options)
    assert "not live yet" in shown
    text = (tmp_path / "served" / "serving" / "models.config").read_text()
    assert "versions: 1 " in text
    served = tf.saved_model.load(str(tmp_path / "served" / "1"))
    with pytest.raises(tf.errors.InvalidArgumentError, match="divide 8-b"):
        served.signatures["serving_default"](image=tf.fill((1, 28, 28, 1), 9.0))


@pytest.mark.parametrize(
    "version",
    ["0", "-1", "1.5", "latest", "007", "+1", "1_0", "٣", "", str(2**63)],
)
def test_versions_are_whole_numbers(capsys, tmp_path, version):
    with pytest.raises(SystemExit) as error:
        main(["export", "wrn16_2", str(tmp_path), "--version", version])
    assert error.value.code == 2
    assert "argument --version: must " in capsys.readouterr().err


def test_export_tells_how_to_write_a_bundle_alone(capsys, tmp_path):
    """As a command that a shell takes, whatever the folder's name is."""
    path = tmp_path / 'it\'s "$HOME"' / "tiny"
    (path / "3").mkdir(parents=True)
    options = ("--version", "3", "--bundle")
    line = failed(capsys, "export", "wrn16_2", str(path), *options)
    command = line.partition("its bundle: ")[2].partition(". Received")[0]
    *python, code = shlex.split(command)
    assert python == ["python", "-c"]
    calls = []
    serving = types.SimpleNamespace(
        write_bundle=lambda *given, **options: calls.append((given, options))
    )
    exec(code.partition("; ")[2], {"serving": serving})
    assert calls == [((str(path),), {"version": 3})]


def test_export_to_another_format(capsys, model, tmp_path):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("tf2onnx")
    folder = tmp_path / "served"
    command = ("export", model, str(folder), "--format", "onnx")
    report = run_json(capsys, *command, "--no-fold-batch-norm")
    assert report["format"] == "onnx"
    assert report["folded"] == 0
    assert report["max_abs_difference"] < 1e-4
    assert (folder / "1" / "model.onnx").is_file()
    line = failed(capsys, *command, "--overwrite", "--precision", "bfloat16")
    assert "--precision is for presets" in line


def test_export_into_an_impossible_directory(capsys, model, tmp_path):
    (tmp_path / "file").write_text("")
    failed(capsys, "export", model, str(tmp_path / "file" / "served"))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "model.keras"]


def test_export_to_storage_that_is_not_local(capsys, model):
    with pytest.raises(SystemExit) as exit:
        main(["export", model, "gs://bucket/m"])
    assert exit.value.code == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert "must be a local folder" in line
    assert line.endswith("Received: gs://bucket/m")


def test_missing_model_file(capsys, tmp_path):
    path = str(tmp_path / "missing.keras")
    assert path in failed(capsys, "evaluate", path)


def test_unknown_recipe_and_stage(capsys, tmp_path):
    assert "Did you mean 'fashion_mnist'" in failed(
        capsys, "train", "fashion_mnst"
    )
    line = failed(
        capsys,
        *("train", "fashion_mnist", "--stage", "nonsense"),
        *("--workdir", str(tmp_path)),
    )
    assert line.endswith("Received: --stage=nonsense\n")


def test_no_command_prints_help(capsys):
    assert main([]) == 2
    assert "demo" in capsys.readouterr().out


IN_A_GRAPH = """Graph execution error:

Detected at node Reshape defined at (most recent call last):
  File "attack.py", line 5, in <module>

a
\tb"""


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("a\nb"),
        tf.errors.ResourceExhaustedError(None, None, "a\nb"),
        tf.errors.OutOfRangeError(None, None, "a\nb"),
        tf.errors.InvalidArgumentError(None, None, IN_A_GRAPH),
    ],
)
def test_failures_are_one_line(capsys, monkeypatch, error):
    def fail(pattern="*"):
        raise error

    monkeypatch.setattr(zoo, "list_models", fail)
    assert failed(capsys, "list") == "error: a b\n"


def test_errors_are_printed_harmlessly(capsys):
    line = failed(capsys, "predict", "\x1b[2J\nerror: \x9bx.png")
    assert line == (
        "error: The picture must exist. Received: \\x1b[2J error: \\x9bx.png\n"
    )


def test_long_errors_are_cut(capsys, monkeypatch):
    def fail(pattern="*"):
        raise ValueError("word " * 1000)

    monkeypatch.setattr(zoo, "list_models", fail)
    line = failed(capsys, "list")
    assert len(line) < 1100 and line.endswith(" …\n")


IN_A_PIPELINE = """{{function_node __wrapped__IteratorGetNext}} ValueError: \
a/b.png is not a picture Pillow can read.
Traceback (most recent call last):

  File "picture_files.py", line 1, in read
"""


def test_what_python_raised_in_a_graph_is_told(capsys, monkeypatch):
    def fail(pattern="*"):
        raise tf.errors.InvalidArgumentError(None, None, IN_A_PIPELINE)

    monkeypatch.setattr(zoo, "list_models", fail)
    assert failed(capsys, "list") == (
        "error: a/b.png is not a picture Pillow can read.\n"
    )


def test_mistakes_in_the_code_are_tracebacks(monkeypatch):
    monkeypatch.setattr(zoo, "list_models", None)
    with pytest.raises(TypeError):
        main(["list"])


def test_wrong_command_line_exits_with_2():
    with pytest.raises(SystemExit) as exit:
        main(["nonsense"])
    assert exit.value.code == 2


@pytest.mark.parametrize(
    ("command", "option", "number"),
    [
        ("evaluate", "--seed", "-1"),
        ("evaluate", "--limit", "0"),
        ("evaluate", "--sanity", "-1"),
        ("evaluate", "--batch-size", "many"),
        ("tune", "--top", "0"),
        ("predict", "--top", "0"),
        ("export", "--seed", "-1"),
        ("export", "--version", "-1"),
        ("demo", "--images", "0"),
        ("demo", "--images", "513"),
        ("finetune", "--clean-weight", "1.5"),
        ("finetune", "--held-out", "1"),
        ("finetune", "--learning-rate", "nan"),
        ("reproduce", "--batch-size", "0"),
        ("reproduce", "--eps", "0"),
    ],
)
def test_numbers_out_of_range_are_named_as_they_were_typed(
    capsys, command, option, number
):
    model = () if command == "demo" else ("wrn16_2",)
    with pytest.raises(SystemExit) as exit:
        main([command, *model, option, number])
    assert exit.value.code == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert f"argument {option}: must be a" in line
    assert line.endswith(f"Received: {number}")


@pytest.mark.parametrize(
    ("arguments", "usage", "meant"),
    [
        (("evaluate", "wrn16_2", "--atack", "fgsm"), "zoo evaluate", "attack"),
        (("list", "--jsn"), "zoo list", "json"),
    ],
)
def test_misspelt_options_have_near_names(capsys, arguments, usage, meant):
    with pytest.raises(SystemExit) as exit:
        main([*arguments])
    assert exit.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith(f"usage: {usage}")
    assert f"Did you mean '--{meant}'?" in error


@pytest.mark.parametrize("json", ["", "--json"])
def test_a_closed_pipe_ends_quietly(json):
    """The shell's pipe is closed before anything is printed."""
    code = (
        "import sys\n"
        "from zoo.cli import main\n"
        "sys.stdin.read()\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, "list", *json.split()],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.close()
    process.stdin.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == 0


def test_interrupt_exits_with_130(capsys, monkeypatch):
    def interrupted(pattern="*"):
        raise KeyboardInterrupt

    monkeypatch.setattr(zoo, "list_models", interrupted)
    assert main(["list"]) == 130
    assert capsys.readouterr().err == "error: interrupted\n"


@pytest.mark.parametrize(
    ("resume", "said"),
    [
        (("--resume", "run"), "interrupted; the same command goes on from run"),
        ((), "What was measured is lost: --resume keeps it."),
    ],
    ids=["resumed", "not resumed"],
)
def test_interrupt_says_once_how_to_go_on(capsys, monkeypatch, resume, said):
    def interrupted(*arguments):
        interrupt = KeyboardInterrupt()
        interrupt.add_note("What was measured is lost:")
        interrupt.add_note("--resume keeps it.")
        raise interrupt

    monkeypatch.setattr(evaluate_command, "check_attacks", interrupted)
    assert main(["evaluate", "wrn16_2", *resume]) == 130
    assert capsys.readouterr().err == f"error: {said}\n"
