"""`zoo evaluate --write-card`: what is written, and what is refused."""

import json
import os

import pytest

import zoo
from tests.command_line import failed
from tests.command_line import run_json
from zoo.cli import main
from zoo.cli.commands import evaluate_command
from zoo.cli.data import NamedImages
from zoo.cli.models import NamedModel
from zoo.training.evaluation import provenance

COMMIT = "0123456789abcdef0123456789abcdef01234567"
MEASURE = (
    *("evaluate", "wrn16_2", "--write-card", "--limit", "8"),
    *("--attack", "pgd:steps=1"),
)


@pytest.fixture(autouse=True)
def committed(monkeypatch):
    monkeypatch.setattr(provenance, "commit", lambda: COMMIT)


@pytest.fixture
def loads_nothing(monkeypatch):
    def loaded(*arguments, **options):
        raise AssertionError("a model or data were loaded")

    monkeypatch.setattr(NamedModel, "load", loaded)
    monkeypatch.setattr(NamedImages, "load", loaded)


def test_a_card_is_what_was_measured(capsys, published):
    report = run_json(capsys, *MEASURE)
    card = json.loads((published / "wrn16_2.json").read_text())
    assert card["sha256"] == zoo.info("wrn16_2").sha256
    assert {m["commit"] for m in card["measurements"]} == {COMMIT}
    clean = zoo.info("wrn16_2").find("clean")
    assert clean.accuracy == report["clean"]["mean"]
    worst = zoo.info("wrn16_2").find("worst case", zoo.ThreatModel("l2", 1.0))
    assert worst.images == 8


def test_a_card_is_written_before_the_report_is_printed(monkeypatch, published):
    def closed(*arguments):
        raise BrokenPipeError

    monkeypatch.setattr(evaluate_command, "emit", closed)
    main(MEASURE)
    assert (published / "wrn16_2.json").exists()


def test_a_report_is_printed_though_its_card_is_refused(
    capsys, monkeypatch, published
):
    def refused(*arguments, **options):
        raise ValueError("no card")

    monkeypatch.setattr(zoo, "write_card", refused)
    assert main([*MEASURE, "--json"]) == 1
    streams = capsys.readouterr()
    assert json.loads(streams.out)["images"] == 8
    assert streams.err.endswith("error: no card\n")


@pytest.mark.parametrize("commit", [None, f"{COMMIT}-dirty"])
def test_sources_must_be_committed(
    capsys, monkeypatch, published, loads_nothing, commit
):
    monkeypatch.setattr(provenance, "commit", lambda: commit)
    assert f"commit={commit}" in failed(capsys, *MEASURE)


def test_a_run_begun_on_other_sources_is_refused_at_once(
    capsys, monkeypatch, published, tmp_path
):
    resumed = (*MEASURE[:2], *MEASURE[3:], "--resume", tmp_path / "run")
    monkeypatch.setattr(provenance, "commit", lambda: f"{COMMIT}-dirty")
    run_json(capsys, *resumed)
    monkeypatch.setattr(provenance, "commit", lambda: COMMIT)
    monkeypatch.setattr(NamedModel, "load", None)
    line = failed(capsys, *resumed, "--write-card")
    assert f"--resume {tmp_path / 'run'} was not begun for a card" in line
    assert f"Received: commit={COMMIT}-dirty" in line


def test_a_run_of_two_commits_is_refused_at_once(
    capsys, monkeypatch, published, tmp_path
):
    resumed = (*MEASURE[:2], *MEASURE[3:], "--resume", tmp_path / "run")
    run_json(capsys, *resumed)
    monkeypatch.setattr(provenance, "commit", lambda: COMMIT[::-1])
    monkeypatch.setattr(NamedModel, "load", None)
    line = failed(capsys, *resumed, "--write-card")
    assert f"begun at another commit, {COMMIT}" in line


def test_data_must_be_the_presets_own(capsys, published, loads_nothing):
    line = failed(capsys, *MEASURE, "--data", "fashion_mnist")
    assert "--data fashion_mnist_sample. Received: --data fashion_mnist" in line


def test_images_must_not_be_those_of_training(capsys, published, loads_nothing):
    line = failed(capsys, *MEASURE, "--split", "train")
    assert "--split test" in line
    assert "Received: --split train" in line


def test_the_folder_must_be_writable(
    capsys, monkeypatch, published, loads_nothing
):
    monkeypatch.setattr(os, "access", lambda path, mode: path != published)
    assert str(published) in failed(capsys, *MEASURE)
    assert not list(published.iterdir())


def test_fewer_images_than_the_cards_are_refused_before_work(
    capsys, published, loads_nothing
):
    many = [
        {
            "attack": "pgd",
            "accuracy": 0.0,
            "images": 9,
            "seed": 0,
            "date": "2026-01-02",
            "commit": COMMIT,
            "norm": "l2",
            "eps": 1.0,
        }
    ]
    card = zoo.write_card("wrn16_2", many, parameters=1)
    before = card.read_bytes()
    for more in ((), ("--attack-limit", "9")):  # Of 8 images, no 9 can be.
        said = failed(capsys, *MEASURE, *more)
        assert "as many images as the card's, 9; --replace-card takes" in said
        assert "Received: 8" in said
    assert card.read_bytes() == before


def test_a_card_is_replaced_if_asked_to(capsys, published):
    stronger = {
        "attack": "pgd",
        "accuracy": 0.0,
        "images": 8,
        "seed": 0,
        "date": "2026-01-02",
        "commit": COMMIT,
        "norm": "l2",
        "eps": 0.25,
    }
    card = zoo.write_card("wrn16_2", [stronger], parameters=1)
    assert main([*MEASURE]) == 1
    assert "nothing for l2, eps 0.25" in capsys.readouterr().err
    assert main([*MEASURE, "--replace-card"]) == 0
    assert f"card: {card}" in capsys.readouterr().err
    assert '"eps": 0.25' not in card.read_text()
