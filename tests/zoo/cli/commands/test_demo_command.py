"""`zoo demo` from end to end, on tiny models."""

import json
from types import SimpleNamespace

import pytest
from PIL import Image

from tests.command_line import run
from zoo.cards.card import write_card
from zoo.cli import main
from zoo.cli.commands import demo_command
from zoo.presets import fashion_mnist


@pytest.fixture
def cards(published):
    """A card of another effort, without an interval."""
    measurement = {
        "attack": "pgd",
        "norm": "l2",
        "eps": 0.5,
        "accuracy": 0.625,
        "images": 1000,
        "steps": 100,
        "restarts": 9,
        "draws": 12,
        "seed": 0,
        "date": "2026-01-02",
        "commit": "0123abc",
    }
    write_card("irm_wrn16_2", [measurement], parameters=1)


@pytest.mark.large
def test_the_whole_job(capsys, monkeypatch, cards, tmp_path):
    monkeypatch.setenv("COLUMNS", "200")
    output = tmp_path / "demo"
    text = run(capsys, "demo", "--images", "4", "--output", str(output))
    assert f"Picture: {output / 'attack.png'}\n" in text
    assert f"SavedModel: {output / 'served' / 'irm_wrn16_2' / '1'} (" in text
    for part in (
        "4 images, 40 steps, 1 restart, 1 draw, 1 scoring draw",
        "4 images, 40 steps, 1 restart, 2 draws, 10 scoring draws",
        "62.5%",
        "1000 images, 100 steps, 9 restarts, 12 draws",
    ):
        assert part in text
    served = text.splitlines()[-1].removeprefix("Served: ").split(", ")
    assert len(served) == 4
    assert set(served) <= set(fashion_mnist.CLASSES)
    with Image.open(output / "attack.png") as picture:
        assert picture.format == "PNG"
    for name in ("wrn16_2", "irm_wrn16_2"):
        report = json.loads((output / f"{name}.json").read_text())
        assert report["images"] == 4
    assert (output / "served/irm_wrn16_2/1/saved_model.pb").is_file()


@pytest.mark.parametrize("images", ["-1", "0", "513", "x"])
def test_images_are_those_of_the_sample(capsys, images):
    with pytest.raises(SystemExit) as exit:
        main(["demo", f"--images={images}"])
    assert exit.value.code == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.endswith(
        f"must be a whole number from 1 to 512. Received: {images}"
    )


def test_as_many_images_as_the_sample_has():
    from zoo.training import datasets

    assert demo_command.IMAGES == len(datasets.load(demo_command.SAMPLE))


@pytest.mark.parametrize(
    ("difference", "said"),
    [(0.0, "as Keras'"), (1.23e-6, "within 1.2e-06 of Keras'")],
)
def test_an_exact_export_is_not_within_zero(difference, said):
    export = SimpleNamespace(max_abs_difference=difference)
    assert demo_command._agreement(export) == said
