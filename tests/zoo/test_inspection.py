"""What a model says of itself, wherever in it that hides."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from zoo import exports
from zoo.inspection import all_layers
from zoo.inspection import are_probabilities
from zoo.inspection import built_shape
from zoo.inspection import check_float_input
from zoo.inspection import class_count
from zoo.training import AdversarialTrainer
from zoo.training import attacks
from zoo.training import evaluation
from zoo.training import finetune


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


def integer_model(dtype="uint8"):
    """Takes bytes as they are in a file; the usual start of a classifier."""
    return keras.Sequential(
        [
            keras.Input((8, 8, 1), dtype=dtype),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Conv2D(2, 3),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(3),
        ],
        name="bytes",
    )


def inside(layer, cast=False):
    inputs = keras.Input((8, 8, 1))
    pixels = keras.ops.cast(255 * inputs, "uint8") if cast else inputs
    return keras.Model(inputs, layer(pixels))


@pytest.mark.parametrize(
    "model",
    [
        integer_model(),
        integer_model("bool"),
        integer_model("int64"),
        inside(integer_model()),
        inside(inside(integer_model())),
    ],
)
def test_an_integer_input_is_refused(model):
    with pytest.raises(ValueError, match="floating-point images") as caught:
        check_float_input(model)
    message = str(caught.value)
    assert "Declare a float32 `keras.Input`" in message
    assert "Received: bytes with input type" in message


@pytest.mark.parametrize(
    "model",
    [
        integer_model("float32"),
        integer_model("float16"),
        integer_model("bfloat16"),
        inside(integer_model(), cast=True),
        keras.Sequential([keras.layers.Dense(3)]),
    ],
)
def test_a_floating_point_input_is_taken(model):
    check_float_input(model)


@pytest.mark.parametrize("wrap", [lambda model: model, inside])
@pytest.mark.parametrize(
    "enter",
    [
        lambda model, x, y, path: zoo.defend(model, "jpeg"),
        lambda model, x, y, path: exports.save(model, path / "served"),
        lambda model, x, y, path: AdversarialTrainer(
            model, attacks.pgd(eps=0.1)
        ),
        lambda model, x, y, path: finetune(
            model,
            tf.data.Dataset.from_tensor_slices((x, y)),
            attacks.pgd(eps=0.1),
            path / "run",
        ),
        lambda model, x, y, path: evaluation.evaluate(model, (x, y)),
        lambda model, x, y, path: attacks.pgd(eps=0.1)(model, x, y),
    ],
    ids=["defend", "export", "trainer", "finetune", "evaluate", "attack"],
)
def test_every_entry_refuses_an_integer_input(enter, wrap, tmp_path):
    images = np.full((2, 8, 8, 1), 0.5, "float32")
    with pytest.raises(ValueError, match="Received: bytes with input type ui"):
        enter(wrap(integer_model()), images, np.array([0, 1]), tmp_path)
    assert not list(tmp_path.iterdir())


class Subclassed(keras.Model):
    def __init__(self, **options):
        super().__init__(**options)
        self.head = keras.layers.Dense(3)

    def call(self, inputs):
        return self.head(keras.ops.mean(inputs, axis=(1, 2)))


def test_the_shape_that_a_model_was_built_for():
    model = Subclassed()
    assert built_shape(model) is None
    model(keras.Input((8, 6, 1)))
    assert built_shape(model) == (None, 8, 6, 1)
    called = Subclassed()
    called(np.zeros((4, 8, 6, 1), "float32"))
    assert built_shape(called) == (None, 8, 6, 1)
    row = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3)])
    assert built_shape(row) is None


def test_number_of_classes():
    inputs = keras.Input((4, 4, 1))
    logits = keras.layers.Dense(3)(keras.layers.Flatten()(inputs))
    assert class_count(keras.Model(inputs, logits)) == 3


def test_models_that_name_no_number_of_classes():
    inputs = keras.Input((4, 4, 1))
    logits = keras.layers.Dense(3)(keras.layers.Flatten()(inputs))
    maps = keras.layers.Dense(3)(inputs)
    assert class_count(keras.Model(inputs, [logits, logits])) is None
    assert class_count(keras.Model(inputs, maps)) is None
    assert class_count(keras.Sequential([keras.layers.Dense(3)])) is None
