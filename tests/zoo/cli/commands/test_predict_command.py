"""`zoo predict --explain`."""

import json

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image

from zoo.cli import main
from zoo.layers import Explained


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder of a picture, a model that explains itself, one that doesn't."""
    folder = tmp_path_factory.mktemp("place")
    pixels = np.arange(64, dtype="uint8").reshape(8, 8)
    Image.fromarray(pixels).save(folder / "query.png")
    images = keras.Input((8, 8, 1))
    saliency = Explained("saliency")(layers.Reshape((8, 8))(images))
    logits = layers.Dense(2)(layers.Flatten()(saliency))
    keras.Model(images, logits).save(folder / "explained.keras")
    plain = layers.Dense(2)(layers.Flatten()(images))
    keras.Model(images, plain).save(folder / "plain.keras")
    return folder


def predict(place, model, *options):
    return main(
        [
            "predict",
            str(place / "query.png"),
            "--model",
            str(place / model),
            *map(str, options),
        ]
    )


def test_explanation_is_drawn_and_predictions_are_the_same(
    place, tmp_path, capsys
):
    assert predict(place, "explained.keras", "--json") == 0
    (plain,) = json.loads(capsys.readouterr().out)
    output = tmp_path / "new" / "why.png"
    options = ("--explain", "--output", output, "--json")
    assert predict(place, "explained.keras", *options) == 0
    (explained,) = json.loads(capsys.readouterr().out)
    assert explained.pop("explanation") == str(output)
    assert explained == plain
    assert Image.open(output).format == "PNG"
    assert predict(place, "explained.keras", *options[:-1]) == 0
    assert f"Picture: {output}" in capsys.readouterr().out


def test_a_model_that_explains_nothing_is_refused(place, tmp_path, capsys):
    output = tmp_path / "why.png"
    assert predict(place, "plain.keras", "--explain", "--output", output)
    assert "marks nothing" in capsys.readouterr().err
    assert not output.exists()


@pytest.mark.parametrize(
    "output, message",
    [
        ("why.jpg", "must end in .png"),
        ("query.png", "must not be a picture that is classified"),
    ],
)
def test_outputs_that_would_do_harm_are_refused(place, output, message, capsys):
    before = (place / "query.png").read_bytes()
    options = ("--explain", "--output", place / output)
    assert predict(place, "explained.keras", *options)
    assert message in capsys.readouterr().err
    assert (place / "query.png").read_bytes() == before


def test_output_is_what_explain_writes(place, tmp_path, capsys):
    assert predict(place, "plain.keras", "--output", tmp_path / "x.png")
    assert "without --explain" in capsys.readouterr().err
