"""Mind's Eye's networks: the authors' sizes, and what the stages hand on."""

import keras
import numpy as np
import pytest

from tests.layer_contract import check_saving
from zoo.inspection import explanation
from zoo.models import minds_eye_direct
from zoo.models import minds_eye_triple
from zoo.models.minds_eye import comparator
from zoo.models.minds_eye import estimator
from zoo.models.minds_eye import projector
from zoo.models.minds_eye import with_pose

IMAGES = np.random.default_rng(0).random((2, 64, 64, 1), "float32")


@pytest.fixture(scope="module")
def triple():
    """Random weights; the drawing's are raised so that it isn't flat."""
    keras.utils.set_random_seed(0)
    return minds_eye_triple()


@pytest.mark.parametrize(
    "build, parameters",
    [
        (minds_eye_direct, 4_469_220),
        (estimator, 4_468_627),
        (projector, 3_174_274),
        (comparator, 27_649),
        (lambda: with_pose(minds_eye_direct()), 4_472_295),
    ],
)
def test_the_released_number_of_parameters(build, parameters):
    assert build().count_params() == parameters


def test_the_triple_holds_each_stage_once(triple):
    assert triple.count_params() == 4_468_627 + 3_174_274 + 27_649
    assert triple.input_shape == (None, 64, 64, 1)
    assert triple.output_shape == (None, 4)


@pytest.mark.parametrize(
    "layer, shape",
    [
        ("conv1", (62, 62, 16)),
        ("pool1", (31, 31, 16)),
        ("conv2", (31, 31, 64)),
        ("pool2", (15, 15, 64)),
        ("conv5", (15, 15, 64)),
        ("pool5", (7, 7, 64)),
        ("fc6", (1024,)),
    ],
)
def test_the_released_maps(layer, shape):
    assert minds_eye_direct().get_layer(layer).output.shape[1:] == shape


def test_explanation_has_the_agreed_shapes(triple):
    shown = explanation(triple)
    shapes = {k: tensor.shape[1:] for k, tensor in shown.output.items()}
    assert shapes == {
        "pose": (3, 3),
        "projection": (3, 64, 64),
        "alpha": (3, 64, 64),
        "similarity": (3, 55, 55),
        "scores": (3,),
    }


def test_the_stages_run_one_by_one_give_the_same(triple):
    """Class by class, with the paper's merge in NumPy."""
    shown = explanation(triple)(IMAGES)
    shown = {name: np.asarray(value) for name, value in shown.items()}
    scores = np.zeros((2, 3))
    for place in range(3):
        one_hot = np.eye(3, dtype="float32")[[place, place]]
        pose = triple.get_layer("estimator")(
            {"image": IMAGES, "object": one_hot}
        )
        pose = np.clip(pose, -0.5, 0.5)
        drawn = triple.get_layer("projector")({"pose": pose, "object": one_hot})
        projection = np.clip(drawn["image"], 0, 1)
        alpha = np.asarray(drawn["alpha"])
        logits = triple.get_layer("comparator")(
            {"query": IMAGES, "projection": projection, "alpha": alpha}
        )
        similarity = 1 / (1 + np.exp(-np.asarray(logits)[..., 0]))
        weights = np.lib.stride_tricks.sliding_window_view(
            alpha[..., 0], (10, 10), axis=(1, 2)
        ).mean((-2, -1))
        scores[:, place] = (similarity * weights).sum((1, 2))
        scores[:, place] /= weights.sum((1, 2))
        for name, value in (
            ("pose", pose),
            ("projection", projection[..., 0]),
            ("alpha", alpha[..., 0]),
            ("similarity", similarity),
        ):
            np.testing.assert_allclose(
                shown[name][:, place], value, atol=2e-5, err_msg=name
            )
    np.testing.assert_allclose(shown["scores"], scores, atol=1e-4)
    expected = np.log(scores / (1 - scores))
    logits = np.asarray(triple(IMAGES))
    np.testing.assert_allclose(logits[:, :3], expected, atol=1e-3)
    np.testing.assert_allclose(logits[:, 3], np.log(0.45 / 0.55), rtol=1e-5)


def test_threshold_decides_between_a_class_and_none(triple):
    scores = np.asarray(explanation(triple)(IMAGES)["scores"])
    for threshold, none in (
        (float(scores.max()) * 1.1, True),
        (float(scores.max(axis=1).min()) * 0.9, False),
    ):
        model = minds_eye_triple(threshold=threshold)
        model.set_weights(triple.get_weights())
        verdicts = np.argmax(model(IMAGES), axis=1)
        expected = 3 if none else scores.argmax(axis=1)
        np.testing.assert_array_equal(verdicts, expected)


def test_saving(triple, tmp_path):
    check_saving(triple, IMAGES, tmp_path / "x.keras")


def test_projector_draws_on_black():
    drawn = projector()(
        {"pose": np.zeros((1, 3)), "object": np.eye(3, dtype="float32")[:1]}
    )
    image, alpha = np.asarray(drawn["image"]), np.asarray(drawn["alpha"])
    assert image.shape == alpha.shape == (1, 64, 64, 1)
    assert 0 <= alpha.min() <= alpha.max() <= 1


def test_comparator_is_convolved_over_the_image():
    model = comparator()
    rng = np.random.default_rng(1)
    whole = {
        name: rng.random((1, 20, 20, 1), "float32")
        for name in ("query", "projection", "alpha")
    }
    patch = {name: value[:, 3:13, 7:17] for name, value in whole.items()}
    np.testing.assert_allclose(
        model(whole)[:, 3, 7], model(patch)[:, 0, 0], atol=1e-4
    )


def test_other_classes_and_sizes():
    model = minds_eye_triple(num_classes=2, image_shape=(16, 24, 1))
    assert model.output_shape == (None, 2)
    assert explanation(model).output["similarity"].shape == (None, 1, 7, 15)
    direct = minds_eye_direct(num_classes=2, image_shape=(16, 20, 3))
    assert direct.output_shape == (None, 2)


@pytest.mark.parametrize(
    "build, options",
    [
        (minds_eye_direct, dict(num_classes=0)),
        (minds_eye_direct, dict(image_shape=(15, 64, 1))),
        (minds_eye_direct, dict(image_shape=(64, None, 1))),
        (minds_eye_direct, dict(dropout=1.0)),
        (minds_eye_triple, dict(num_classes=1)),
        (minds_eye_triple, dict(image_shape=(64, 64, 3))),
        (minds_eye_triple, dict(image_shape=(64, 60, 1))),
        (minds_eye_triple, dict(threshold=1.0)),
        (estimator, dict(image_shape=(8, 8, 1))),
        (projector, dict(image_shape=(64, 20, 1))),
    ],
)
def test_bad_options_are_named(build, options):
    (name,) = options
    with pytest.raises(ValueError, match=f"Received: {name}="):
        build(**options)


def test_logits_stay_float32_under_a_mixed_policy(triple):
    keras.config.set_dtype_policy("mixed_bfloat16")
    mixed = minds_eye_triple()
    mixed.set_weights(triple.get_weights())
    logits = mixed(IMAGES)
    assert logits.dtype == "float32"
    np.testing.assert_allclose(logits, triple(IMAGES), atol=0.1)
