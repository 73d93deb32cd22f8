"""`zoo attack --attack rp2`."""

import numpy as np
import pytest
from PIL import Image

from tests.command_line import failed
from tests.command_line import run
from tests.command_line import run_json
from zoo.cli import main
from zoo.models import lisa_cnn
from zoo.training.datasets.lisa_classes import LISA_CLASSES

RP2 = ("--attack", "rp2:steps=2", "--target", "speedLimit45", "--views", 2)
NUMBERS = ",".join(map(str, range(17)))


@pytest.fixture(scope="module")
def victim(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "victim.keras"
    lisa_cnn(num_classes=17).save(path)
    path.with_suffix(".classes.txt").write_text("\n".join(LISA_CLASSES))
    return path


def test_writes_the_sticker_and_the_views(victim, capsys, tmp_path):
    output = tmp_path / "signs.png"
    mask = tmp_path / "mask.png"
    where = np.zeros((32, 32), "uint8")
    where[4:8, 10:20] = 255
    Image.fromarray(where).save(mask)
    told = run_json(
        capsys, "attack", victim, *RP2, "--output", output, "--mask", mask
    )
    assert told["picture"] == str(output)
    assert (told["sign"], told["target"]) == ("stop", "speedLimit45")
    assert told["held_out_views"] == 2
    for part in ("accuracy", "success", "targeted_success"):
        assert told[part] in (0, 0.5, 1)
    assert told["dissimilarity"] > 0
    assert "steps=2" in told["attack"]
    assert "digital" in told["notes"][0]
    with Image.open(output) as picture:
        assert picture.width > 300
    with Image.open(told["sticker"]) as printed:
        opaque = np.asarray(printed)[18::32, 18::32, 3]
    np.testing.assert_array_equal(opaque, where)


def test_tells_a_person(victim, capsys, tmp_path):
    text = run(
        capsys,
        *("attack", victim, *RP2, "--output", tmp_path / "a.png"),
        *("--mask", "octagon", "--sign", "yield"),
    )
    assert "2 held-out views of yield" in text
    assert "The perturbation is digital" in text
    assert "non-printability" not in text
    printed = tmp_path / "a.sticker.png"
    assert f"Sticker: {printed}" in text
    with Image.open(printed) as picture:  # Nothing beside the triangle.
        opaque = np.asarray(picture)[18::32, 18::32, 3] > 0
    assert 0 < opaque.sum() < 400
    assert not opaque[-8:, :8].any()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--attack", "rp2"), "needs --target"),
        (("--attack", "pgd", "--target", "yield"), "rp2 takes --target."),
        (("--mask", "octagon"), "rp2 takes --mask."),
        ((*RP2, "--mask", "octogon"), "Did you mean 'octagon'"),
        ((*RP2, "--mask", "m" * 300), "or a picture. Received: --mask=mmm"),
        ((*RP2, "--sign", "halt"), "Received: --sign=halt"),
        ((*RP2, "--sign", "unused"), "Received: --sign=unused"),
        ((*RP2, "--target", "unused"), "Received: --target=unused"),
        ((*RP2, "--target", "yeild"), "Did you mean 'yield'"),
        ((*RP2, "--classes", NUMBERS), "no stop among its classes 0, 1, 2"),
        ((*RP2, "--data", "fashion_mnist_sample"), "not on --data."),
        ((*RP2, "--data-dir", "signs"), "not on --data-dir."),
        ((*RP2, "--split", "test", "--limit", 8), "not on --split, --limit."),
        ((*RP2, "--sign", "speedLimit45"), "another sign than --sign"),
        ((*RP2, "--transfer-from", "wrn16_2"), "on the model itself"),
        (("--attack", "rp2:mask=1", "--target", "yield"), "'mask=1'"),
        (("--attack", "rp2:lambda=1", "--target", "yield"), "mean 'lambda_'"),
    ],
)
def test_wrong_arguments_are_one_line(
    arguments, said, victim, capsys, tmp_path
):
    line = failed(
        capsys, "attack", victim, *arguments, "--output", tmp_path / "a.png"
    )
    assert said in line
    assert not (tmp_path / "a.png").exists()


def test_no_views_are_a_wrong_command_line(victim, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["attack", str(victim), *map(str, (*RP2, "--views", 0))])
    assert caught.value.code == 2
    assert "--views: must be a whole number from 1" in capsys.readouterr().err


def test_a_model_of_other_things_is_refused(capsys):
    line = failed(capsys, "attack", "wrn16_2", *RP2)
    assert "needs a model of LISA's signs" in line
    assert "Received: wrn16_2, which has no stop" in line


def test_a_preset_without_weights_is_refused_at_once(capsys):
    line = failed(capsys, "attack", "wrn28_10.cifar10", *RP2)
    assert "No weights have been published" in line
