"""Defenses by name."""

import keras
import pytest

import zoo
from zoo.defending import DEFENSES


@pytest.fixture(scope="module")
def model():
    return keras.Sequential(
        [
            keras.Input((16, 16, 1)),
            keras.layers.Conv2D(2, 3, padding="same"),
            keras.layers.GlobalMaxPooling2D(),
            keras.layers.Dense(3),
        ]
    )


@pytest.mark.parametrize("defense", ["blurnet", "irm", "jpeg"])
def test_a_defended_model_takes_pixels_and_gives_logits(model, defense):
    defended = zoo.defend(model, defense)
    assert defended.name == f"{defense}_{model.name}"
    assert defended.input_shape == (None, 16, 16, 1)
    assert defended.output_shape == (None, 3)


def test_defenses_are_there_after_import_zoo(monkeypatch):
    monkeypatch.delattr(zoo, "defenses", raising=False)
    for defense in DEFENSES:
        assert getattr(zoo.defenses, defense).__name__ == defense


@pytest.mark.parametrize("defense", ["jpg", "JPEG"])
def test_unknown_defense(model, defense):
    with pytest.raises(ValueError) as caught:
        zoo.defend(model, defense)
    assert "irm, jpeg, semantic_jpeg. Did you mean 'jpeg'?" in str(caught.value)
    assert str(caught.value).endswith(f"Received: defense={defense!r}")


def test_unknown_option(model):
    with pytest.raises(ValueError) as caught:
        zoo.defend(model, "jpeg", qualities=(40, 60))
    assert "takes the options quality, subsampling" in str(caught.value)
    assert str(caught.value).endswith("Received: qualities=(40, 60)")


def test_a_missing_option_is_named():
    with pytest.raises(ValueError, match="needs the option saliency.*no opt"):
        zoo.defend(None, "semantic_jpeg")
