"""What verdicts rest on: read from a model, and drawn."""

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image

from zoo.layers import Explained
from zoo.training.evaluation import explain
from zoo.training.evaluation import explanation_picture
from zoo.training.evaluation.plots.image_grid import ImageGrid

NAMES = ["ape", "plane", "none"]


def two_class_model(*, noisy=False):
    """Draws two copies of an image for two classes; a third is neither."""
    images = keras.Input((8, 8, 1))
    grey = layers.Reshape((1, 8, 8))(images)
    if noisy:
        grey = Noise()(grey)
    drawn = Explained("projection")(layers.Concatenate(1)([grey, grey]))
    scores = layers.GlobalAveragePooling2D(data_format="channels_first")(drawn)
    scores = Explained("scores")(scores)
    logits = layers.Concatenate()([scores, scores[:, :1]])
    return keras.Model(images, logits)


class Noise(keras.layers.Layer):
    stochastic = True

    def call(self, images):
        return images + keras.random.uniform(keras.ops.shape(images))


@pytest.fixture
def shown(monkeypatch):
    """What is drawn on a grid, by row and column."""
    calls = {"image": {}, "heat": {}, "caption": {}, "label": {}}
    for name, found in calls.items():
        whole = getattr(ImageGrid, name)

        def draw(self, row, *args, _whole=whole, _found=found, **kwargs):
            key = (row, args[0]) if isinstance(args[0], int) else row
            _found[key] = args[1:] if isinstance(args[0], int) else args
            return _whole(self, row, *args, **kwargs)

        monkeypatch.setattr(ImageGrid, name, draw)
    return calls


def texts(shown, row, column):
    return [text for text, _ in shown["caption"][row, column][0]]


def test_parts_are_those_of_the_logits_pass():
    """Also where the model draws random numbers."""
    images = np.random.default_rng(0).random((3, 8, 8, 1), "float32")
    logits, parts = explain(two_class_model(noisy=True), images)
    assert set(parts) == {"projection", "scores"}
    assert parts["projection"].shape == (3, 2, 8, 8)
    np.testing.assert_allclose(
        parts["projection"].mean((2, 3)), parts["scores"], rtol=1e-5
    )
    np.testing.assert_array_equal(parts["scores"], logits[:, :2])


def test_a_model_that_marks_nothing_is_refused():
    model = keras.Sequential([keras.Input((4, 4, 1)), layers.Flatten()])
    with pytest.raises(ValueError, match="which marks nothing"):
        explain(model, np.zeros((1, 4, 4, 1)))


def test_each_class_has_a_column_and_the_verdict_is_blue(shown, tmp_path):
    rng = np.random.default_rng(1)
    images = rng.random((2, 8, 8, 1))
    parts = {
        "pose": np.array([[[0.1, -0.2, 0.3], [0, 0, 0]]] * 2),
        "projection": rng.random((2, 2, 8, 8)),
        "similarity": rng.random((2, 2, 5, 5)),
        "scores": np.array([[0.25, 0.75], [0.5, 0.125]]),
    }
    probabilities = np.array([[0.2, 0.7, 0.1], [0.3, 0.1, 0.6]])
    path = tmp_path / "picture.png"
    explanation_picture(
        images, ["a.png", "b.png"], probabilities, parts, NAMES, path, dpi=50
    )
    assert Image.open(path).format == "PNG"
    # Three rows an image: itself, its projections, their similarities.
    assert set(shown["heat"]) == {(2, 0), (2, 1), (5, 0), (5, 1)}
    assert set(shown["image"]) == {
        (row, column) for row in (1, 4) for column in (0, 1)
    } | {(0, 0), (3, 0)}
    for index, top in enumerate((0, 3)):
        np.testing.assert_array_equal(shown["image"][top, 0][0], images[index])
        for label in range(2):
            drawn, frame = shown["image"][top + 1, label]
            np.testing.assert_array_equal(
                drawn[..., 0], parts["projection"][index, label]
            )
            assert (frame == "#0969da") == ((index, label) == (0, 1))
            heat, limits, _ = shown["heat"][top + 2, label]
            np.testing.assert_array_equal(
                heat, parts["similarity"][index, label]
            )
            assert limits == (0, 1)
    assert texts(shown, 0, 0) == ["plane 70.0%", "a.png"]
    assert texts(shown, 3, 0) == ["none 60.0%", "b.png"]
    assert texts(shown, 1, 0) == ["ape", "pose 0.10 -0.20 0.30", "scores 0.25"]
    assert shown["label"][2] == ("similarity", "0 to 1")


def test_maps_of_the_image_stand_beside_it(shown, tmp_path):
    rng = np.random.default_rng(2)
    parts = {
        "saliency": rng.random((1, 16, 16)),
        "quality": np.array([[[20.0, 100.0], [60.0, 30.0]]]),
        "other": np.array([[[-3.0, 5.0]]]),
    }
    explanation_picture(
        rng.random((1, 16, 16, 3)),
        ["a.png"],
        [[0.9, 0.1, 0.0]],
        parts,
        NAMES,
        tmp_path / "picture.png",
        dpi=50,
    )
    assert list(shown["image"]) == [(0, 0)]
    limits = {
        texts(shown, *place)[0]: (args[1], texts(shown, *place)[1])
        for place, args in shown["heat"].items()
    }
    assert limits == {
        "saliency": ((0, 1), "0 to 1"),
        "quality": ((1, 100), "1 to 100"),
        "other": ((-3, 5), "-3 to 5"),
    }


@pytest.mark.parametrize(
    "part, message",
    [
        (np.zeros((2, 4, 4)), "1 verdicts.*'x' of shape"),
        (np.zeros((1, 4, 4, 4)), "of shape.*3 classes"),
        (np.zeros((1, 4)), "of shape.*3 classes"),
        (np.zeros(1), "of shape"),
        (np.full((1, 2), np.nan), "must be finite"),
    ],
)
def test_parts_that_fit_no_image_are_refused(part, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        explanation_picture(
            np.zeros((1, 4, 4, 1)),
            ["a.png"],
            [[1.0, 0.0, 0.0]],
            {"x": part},
            NAMES,
            tmp_path / "picture.png",
        )
    assert not (tmp_path / "picture.png").exists()
