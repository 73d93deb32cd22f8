"""Files of models: the softmax at the end, and the names of the classes."""

import keras
import numpy as np
import pytest

from zoo.cli.keras_files import as_logits
from zoo.cli.keras_files import read_class_names
from zoo.cli.keras_files import write_keras_file


class Noise(keras.layers.Layer):
    stochastic = True

    def __init__(self):
        super().__init__()
        self.generator = keras.random.SeedGenerator(7)

    def call(self, images):
        shape = keras.ops.shape(images)
        return images + keras.random.normal(shape, seed=self.generator)


def classifier(*last, shape=(None, None, 3), policy=None):
    return keras.Sequential(
        [
            keras.Input(shape),
            keras.layers.GlobalAveragePooling2D(dtype=policy),
            *last,
        ]
    )


@pytest.mark.parametrize("policy", ["float32", "bfloat16"])
def test_a_softmax_is_taken_away(policy):
    dense = keras.layers.Dense(100, activation="softmax", dtype=policy)
    model = classifier(dense, policy=policy)
    images = np.random.default_rng(0).random((4, 9, 7, 3), "float32")
    bare = as_logits(model, "model", (9, 7))
    confidences = keras.ops.softmax(keras.ops.cast(bare(images), "float32"))
    np.testing.assert_allclose(
        confidences, keras.ops.cast(model(images), "float32"), rtol=1e-2
    )
    assert float(keras.ops.min(bare(images))) < 0


def test_logits_stay_the_same_model_and_draw_nothing():
    noise = Noise()
    model = classifier(noise, keras.layers.Dense(3))
    before = np.asarray(noise.generator.state)
    assert as_logits(model, "model") is model
    np.testing.assert_array_equal(noise.generator.state, before)


def test_what_takes_no_images_is_left_to_others():
    model = keras.Sequential(
        [keras.Input((5,)), keras.layers.Dense(3), keras.layers.Softmax()]
    )
    assert as_logits(model, "model") is model


def test_other_confidences_are_refused():
    model = classifier(keras.layers.Softmax(), keras.layers.Lambda(abs))
    with pytest.raises(ValueError, match="softmax at its end away.*mine.keras"):
        as_logits(model, "mine.keras")


def test_names_of_an_older_file_are_not_kept(tmp_path):
    model = classifier(keras.layers.Dense(2))
    path = tmp_path / "model.keras"
    write_keras_file(model, path, ["dark", "light"])
    assert read_class_names(path) == ("dark", "light")
    write_keras_file(model, path, [])
    assert read_class_names(path) == ()
