"""`zoo evaluate --attack rp2`."""

import dataclasses
import json

import keras
import pytest

import zoo
from tests.command_line import failed
from tests.command_line import run
from tests.command_line import run_json
from zoo.cards import card
from zoo.cli.data import NamedImages
from zoo.cli.models import NamedModel
from zoo.models import lisa_cnn
from zoo.training.datasets.lisa_classes import LISA_CLASSES
from zoo.training.evaluation import Report
from zoo.training.evaluation import provenance

DATA = ("--data", "rendered_signs_sample", "--limit", 4)
SMALL = ("--attack", "rp2:steps=1", "--views", 2, "--sign-seeds", 1)
TARGETS = ("--target", "speedLimit45", "--target", "yield")
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def victim(tmp_path_factory):
    keras.utils.set_random_seed(0)
    path = tmp_path_factory.mktemp("model") / "victim.keras"
    lisa_cnn(num_classes=17).save(path)
    path.with_suffix(".classes.txt").write_text("\n".join(LISA_CLASSES))
    return path


def test_report_has_a_success_for_each_variant(victim, capsys, tmp_path):
    output = tmp_path / "report.json"
    command = (
        *("evaluate", victim, *DATA, *SMALL, *TARGETS, "--output", output),
        *("--attack", "rp2:steps=1,frequencies=8", "--resume", tmp_path),
    )
    told = run_json(capsys, *command)
    assert told["images"] == 4
    assert told["attacks"] == told["worst_cases"] == []
    plain, low = told["stickers"]
    assert (plain["options"], low["options"]) == ({}, {"frequencies": 8})
    assert plain["signs"] == [["stop", 0]]
    assert plain["targets"] == ["speedLimit45", "yield"]
    assert 0 <= plain["average"] <= plain["worst"] <= 1
    report = Report.from_json(output)
    assert [one.to_dict() for one in report.stickers] == [plain, low]
    assert len(list((tmp_path / "stickers").glob("*.npz"))) == 2
    page = report.to_markdown()
    assert f"| rp2-1, frequencies=8 | {100 * low['accuracy']:.1f} |" in page
    text = run(capsys, *command[:-2], "--resume", tmp_path)
    assert "Stickers on signs" in text
    assert "1 sign (stop), 2 targets, 2 held-out views" in text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--target", "yield"), "Only --attack rp2 takes --target."),
        (("--sign-seeds", 2), "Only --attack rp2 takes --sign-seeds."),
        ((*SMALL, "--sign", "halt"), "Received: --sign=halt"),
        ((*SMALL, "--target", "yeild"), "Did you mean 'yield'"),
        ((*SMALL, "--target", "stop"), "another sign than --sign"),
        ((*SMALL, "--sign", "stop", "--sign", "stop"), "each sign once"),
        ((*SMALL, "--mask", "octogon"), "Did you mean 'octagon'"),
        ((*SMALL, "--mask", __file__), "must be stickers or octagon."),
        ((*SMALL, "--attack", "rp2:steps=1"), "each variant of rp2 once"),
        (("--attack", "rp2:seed=1"), "Received: --attack=rp2:seed=1"),
        (("--attack", "rp2:lambda=1"), "mean 'lambda_'"),
        ((*SMALL, "--transfer-from", "lisa_cnn"), "on the model itself"),
        ((*SMALL, "--classes", ",".join("abcdefghijklmnopq")), "no stop among"),
    ],
)
def test_wrong_arguments_are_one_line(
    arguments, said, victim, capsys, monkeypatch
):
    monkeypatch.setattr(NamedModel, "load", None)
    assert said in failed(capsys, "evaluate", victim, *DATA, *arguments)


def test_a_model_of_other_things_is_refused_at_once(capsys, monkeypatch):
    monkeypatch.setattr(NamedModel, "load", None)
    line = failed(capsys, "evaluate", "wrn16_2", "--attack", "rp2")
    assert "needs a model of LISA's signs" in line
    assert "Received: wrn16_2, which has no stop" in line


def test_a_card_gets_the_stickers_and_keeps_the_rest(
    capsys, monkeypatch, tmp_path
):
    monkeypatch.setattr(provenance, "commit", lambda: COMMIT)
    monkeypatch.setattr(card, "FOLDER", tmp_path)
    sample = NamedImages.load

    def load(data, model):
        assert data.name == "rendered_signs/crops32"
        return sample(
            dataclasses.replace(data, name="rendered_signs_sample"), model
        )

    monkeypatch.setattr(NamedImages, "load", load)
    monkeypatch.setattr(NamedImages, "check", lambda _: None)
    clean = {
        "attack": "clean",
        "accuracy": 0.99,
        "images": 3400,
        "seed": 0,
        "date": "2026-01-02",
        "commit": COMMIT,
    }
    zoo.write_card("lisa_cnn", [clean], parameters=1)
    told = run_json(
        capsys,
        *("evaluate", "lisa_cnn", "--data", "rendered_signs/crops32"),
        *("--limit", 4, *SMALL, *TARGETS, "--write-card"),
    )
    written = json.loads((tmp_path / "lisa_cnn.json").read_text())
    assert written["measurements"] == [clean]
    assert written["stickers"] == told["stickers"]
    assert "success of stickers" in run(capsys, "info", "lisa_cnn")
