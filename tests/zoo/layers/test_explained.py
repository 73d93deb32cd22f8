"""Marks of an explanation, and the model that shows what they pass."""

import keras
import numpy as np
import pytest

from tests.layer_contract import check_layer
from zoo.inspection import explanation
from zoo.layers import Explained

IMAGES = np.random.default_rng(0).random((3, 4, 4, 1), "float32")


def test_contract(tmp_path):
    check_layer(Explained("saliency"), IMAGES, tmp_path / "x.keras")


def test_a_key_is_an_identifier():
    with pytest.raises(ValueError, match="Received: explains='a map'"):
        Explained("a map")


def _classifier(*names):
    images = keras.Input((4, 4, 1))
    marked = [
        Explained(name, name=f"mark_{place}")(images * (place + 1.0))
        for place, name in enumerate(names)
    ]
    features = keras.layers.Concatenate()([images, *marked])
    features = keras.layers.GlobalAveragePooling2D()(features)
    return keras.Model(images, keras.layers.Dense(2)(features))


def test_explanation_is_what_the_marks_pass():
    model = _classifier("once", "twice")
    shown = explanation(model).predict(IMAGES, verbose=0)
    assert shown.keys() == {"once", "twice"}
    np.testing.assert_array_equal(shown["once"], IMAGES)
    np.testing.assert_array_equal(shown["twice"], 2 * IMAGES)


def test_explanation_outlives_a_file(tmp_path):
    _classifier("once", "twice").save(tmp_path / "x.keras")
    model = keras.saving.load_model(tmp_path / "x.keras")
    shown = explanation(model).predict(IMAGES, verbose=0)
    np.testing.assert_array_equal(shown["twice"], 2 * IMAGES)


def test_no_marks_no_explanation():
    assert explanation(_classifier()) is None


def test_a_name_marks_one_tensor():
    with pytest.raises(ValueError, match="two named 'map'"):
        explanation(_classifier("map", "map"))
