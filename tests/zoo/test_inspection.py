"""Every layer of a model, wherever it hides."""

import keras
import numpy as np
import pytest

from zoo.inspection import all_layers
from zoo.inspection import are_probabilities


class Owner(keras.layers.Layer):
    """Owns layers in an attribute and in a list, as a layer may."""

    def __init__(self, one, others, **kwargs):
        super().__init__(**kwargs)
        self.one = one
        self.others = others

    def call(self, inputs):
        return inputs


def test_every_layer_at_any_depth_once():
    deep = keras.layers.ReLU(name="deep")
    nested = keras.Sequential([keras.Input((2,)), deep], name="nested")
    listed = keras.layers.ReLU(name="listed")
    owner = Owner(nested, [listed, deep], name="owner")
    inputs = keras.Input((2,), name="inputs")
    model = keras.Model(inputs, listed(owner(inputs)), name="model")
    layers = all_layers(model)
    assert layers[0] is model
    names = sorted(layer.name for layer in layers)
    expected = ["deep", "inputs", "listed", "model", "nested", "owner"]
    assert [name for name in names if name in expected] == expected
    assert {owner, nested, listed, deep} <= set(layers)
    assert owner in model.layers
    assert nested not in model.layers


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        ([[0.25, 0.75], [1.0, 0.0]], True),
        ([[0.25, 0.7505], [1.0, 0.0]], True),
        ([[0.25, 0.7483], [1.0, 0.0]], True),  # As of bfloat16.
        ([[0.25, 0.74], [1.0, 0.0]], False),
        ([[1.005, 0.0]], False),
        ([[0.25, 0.75], [1.0, 0.5]], False),
        ([[-0.25, 1.25]], False),
        ([[np.nan, 1.0]], False),
    ],
)
def test_rows_that_sum_to_one(outputs, expected):
    assert are_probabilities(outputs) is expected
