"""The recipe of Mind's Eye, on a few noisy pictures."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

import zoo
from zoo import presets
from zoo.training import recipes
from zoo.training.recipes import minds_eye_data as data
from zoo.training.recipes import rendered_objects
from zoo.training.recipes.rendered_objects import Fit
from zoo.training.recipes.rendered_objects import Recipe

COUNT = 16
TINY = Recipe(
    fits={name: Fit(1, 1e-3, COUNT, 8) for name in rendered_objects.FITS},
    attack_steps=1,
    dtype_policy="float32",
)


@pytest.fixture(scope="module")
def features():
    """Noise in place of the renderings; labels come in turn."""
    rng = np.random.default_rng(0)
    names = ("image", "alpha", "clean")
    pictures = rng.integers(0, 256, (3, COUNT, 64, 64, 1)).astype("uint8")
    pose = rng.uniform(-0.5, 0.5, (COUNT, 3)).astype("float32")
    label = np.arange(COUNT) % 4
    pose[label == 3] = 0
    return dict(zip(names, pictures, strict=True)) | dict(
        pose=pose, label=label
    )


@pytest.fixture(autouse=True)
def small(features, monkeypatch):
    def load_features(name, split, **options):
        assert name == "rendered_objects"
        assert split.partition("[")[0] in ("train", "validation")
        return tf.data.Dataset.from_tensor_slices(features)

    monkeypatch.setattr(data.datasets, "load_features", load_features)


def batches(example, **options):
    return data.batches(
        "rendered_objects",
        "train",
        example,
        **dict(batch_size=COUNT, seed=0, training=False) | options,
    )


def test_pose_counts_where_there_is_an_object(features):
    (image, labels, weights), *_ = batches(data.to_classify_with_pose)
    np.testing.assert_allclose(image, features["image"] / 255, atol=1e-6)
    np.testing.assert_array_equal(labels["logits"], features["label"])
    np.testing.assert_array_equal(labels["pose"], features["pose"])
    np.testing.assert_array_equal(weights["pose"], features["label"] < 3)
    np.testing.assert_array_equal(weights["logits"], 1)


def test_positives_are_all_that_have_an_object(features):
    examples = batches(data.to_project, positives=True)
    assert len(examples) == 1
    ((inputs, drawn),) = examples
    kept = features["label"] < 3
    np.testing.assert_array_equal(inputs["pose"], features["pose"][kept])
    np.testing.assert_array_equal(
        inputs["object"], np.eye(3)[features["label"][kept]]
    )
    for name, feature in (("image", "clean"), ("alpha", "alpha")):
        expected = features[feature][kept] / 255
        np.testing.assert_allclose(drawn[name], expected, atol=1e-6)


def _see_nothing(inputs, training):
    return inputs["object"] * 9.0  # To be clipped to half a radian.


def _draw_alike(inputs, training):
    """Draws what says which class and pose were asked for."""
    value = inputs["object"] @ np.array([[0.1], [0.5], [1.5]], "float32")
    image = np.ones((1, 64, 64, 1)) * value[:, None, None]
    assert np.max(inputs["pose"]) == 0.5
    return {"image": image, "alpha": np.full_like(image, 0.25)}


def test_half_of_the_drawings_are_of_what_is_there(features):
    drawings = data.draw(
        "rendered_objects", "train", _see_nothing, _draw_alike, seed=0
    )
    queries = features["image"][:, 0, 0, 0].tolist()
    drawn = np.array([0.1, 0.5, 1.0], "float16").tolist()  # Clipped to 1.
    assert {True, False} == set(drawings["same"].tolist())
    for query, projection, same in zip(
        drawings["query"], drawings["projection"], drawings["same"], strict=True
    ):
        label = features["label"][queries.index(query[0, 0, 0])]
        asked = drawn.index(projection[0, 0, 0])
        assert same == (asked == label)
    assert (drawings["alpha"] == np.float16(0.25)).all()  # Soft, not 0 or 1.


def test_patches_are_where_something_is_drawn():
    rng = np.random.default_rng(0)
    query = rng.integers(0, 256, (2, 64, 64, 1)).astype("uint8")
    projection = rng.random((2, 64, 64, 1)).astype("float16")
    alpha = np.zeros((2, 64, 64, 1), "float16")
    alpha[0, 6:16, 12:22] = 0.5
    alpha[1, 0, 0] = 1.0  # One per cent of the first patch, no more.
    drawings = dict(
        query=query,
        projection=projection,
        alpha=alpha,
        same=np.array([True, False]),
    )
    ((inputs, same),) = data.patches(
        drawings, batch_size=100, seed=0, training=False
    )
    # The drawing's own patch, and the eight around it.
    assert same.shape == (9, 1, 1, 1) and np.all(same)
    own = np.argmax(np.sum(inputs["alpha"], axis=(1, 2, 3)))
    cut = (0, slice(6, 16), slice(12, 22))
    np.testing.assert_allclose(inputs["query"][own], query[cut] / 255)
    np.testing.assert_array_equal(inputs["projection"][own], projection[cut])
    assert np.all(inputs["alpha"][own] == 0.5)


def test_stages_are_the_presets_and_their_parts():
    trained = {
        name
        for name in presets.names()
        if presets.get(name).recipe == "zoo.training.recipes.rendered_objects"
    }
    parts = {"estimator", "projector", "comparator"}
    assert set(rendered_objects.STAGES) == trained | parts
    assert set(rendered_objects.FITS) == (trained | parts) - {
        "minds_eye_triple"
    }


def test_a_stage_needs_those_before_it(tmp_path):
    with pytest.raises(FileNotFoundError, match="estimator must run first"):
        rendered_objects.train(
            tmp_path, stages=("minds_eye_triple",), recipe=TINY
        )


def test_projector_is_trained_and_kept(tmp_path):
    stages = ("projector",)
    (path,) = rendered_objects.train(
        tmp_path, stages=stages, recipe=TINY
    ).values()
    written = path.stat().st_mtime_ns
    rendered_objects.train(tmp_path, stages=stages, recipe=TINY)
    assert path.stat().st_mtime_ns == written
    rows = (tmp_path / "projector.csv").read_text().splitlines()
    assert len(rows) == 2 and "val_alpha_mae" in rows[0]


@pytest.mark.large
def test_all_stages(tmp_path):
    paths = rendered_objects.train(tmp_path, recipe=TINY)
    triple = zoo.load("minds_eye_triple", weights=paths["minds_eye_triple"])
    for part in ("estimator", "projector", "comparator"):
        assembled = triple.get_layer(part).get_weights()
        further = zoo.load(
            "minds_eye_triple.end_to_end",
            weights=paths["minds_eye_triple.end_to_end"],
        )
        moved = further.get_layer(part).get_weights()
        assert any(
            np.any(a != b) for a, b in zip(assembled, moved, strict=True)
        )
    zoo.load("minds_eye_pose", weights=paths["minds_eye_pose"])


def test_a_folder_holds_one_run(tmp_path):
    rendered_objects.train(tmp_path, stages=(), recipe=TINY)
    other = dataclasses.replace(TINY, attack_eps=0.2)
    with pytest.raises(ValueError, match="Received: other attack_eps"):
        rendered_objects.train(tmp_path, stages=(), recipe=other)


def test_recipe_by_name():
    assert recipes.find("rendered_objects") is rendered_objects
