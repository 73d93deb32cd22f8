"""BlurNet's measures of stickers, by hand."""

import keras
import numpy as np
import pytest

from tests.helpers import LinearModel
from zoo.training.attacks.rp2 import Sticker
from zoo.training.datasets.rendered_signs import views
from zoo.training.evaluation import score_stickers
from zoo.training.evaluation.stickers import SignViews

SHAPE = (6, 6, 3)
VIEWS = np.random.default_rng(0).random((4, *SHAPE), "float32")


def sticker(value, target=1):
    mask = np.zeros(SHAPE[:2], bool)
    mask[1:3, 1:5] = True
    delta = value * mask[..., None] * np.ones(3)
    return Sticker(delta.astype("float32"), mask, target, history={})


def test_scores_by_hand():
    model = LinearModel(SHAPE, 4)
    stickers = [sticker(0.9), sticker(-0.4, target=3)]
    scores = score_stickers(model.keras, stickers, VIEWS)
    np.testing.assert_array_equal(scores.targets, [1, 3])
    before = model.logits(VIEWS).argmax(1)
    dissimilarities = []
    for index, one in enumerate(stickers):
        adversarial = np.clip(VIEWS + one.delta, 0, 1)
        after = model.logits(adversarial).argmax(1)
        assert scores.success[index] == np.mean(before != after)
        assert scores.targeted[index] == np.mean(after == one.target)
        differences = (adversarial - VIEWS).reshape(4, -1)
        lengths = np.linalg.norm(adversarial.reshape(4, -1), axis=1)
        dissimilarities.append(
            np.mean(np.linalg.norm(differences, axis=1) / lengths)
        )
    np.testing.assert_allclose(scores.dissimilarity, dissimilarities, rtol=1e-5)
    assert scores.average_success == scores.success.mean()
    assert scores.worst_success == scores.success.max()
    assert scores.average_dissimilarity == pytest.approx(
        np.mean(dissimilarities)
    )


def test_black_views_that_stay_black_are_not_dissimilar():
    model = LinearModel(SHAPE, 4)
    black = np.zeros_like(VIEWS)
    scores = score_stickers(model.keras, [sticker(-1.0)], black)
    assert scores.average_dissimilarity == 0
    assert scores.average_success == 0


def test_minus_infinity_rules_a_class_out():
    linear = LinearModel(SHAPE, 4)
    ban = np.array([0, 0, -np.inf, 0])
    masked = keras.Sequential(
        [linear.keras, keras.layers.Lambda(lambda logits: logits + ban)]
    )
    scores = score_stickers(masked, [sticker(0.9), sticker(0.9, 2)], VIEWS)
    assert scores.targeted[1] == 0
    after = (linear.logits(np.clip(VIEWS + sticker(0.9).delta, 0, 1))) + ban
    before = linear.logits(VIEWS) + ban
    assert scores.success[0] == np.mean(before.argmax(1) != after.argmax(1))


def test_there_must_be_a_sticker():
    with pytest.raises(ValueError, match="Received: none"):
        score_stickers(LinearModel(SHAPE, 4).keras, [], VIEWS)


SIZE = 32


@pytest.fixture(scope="module")
def sign_views():
    return SignViews("stop", count=3, seed=5, size=SIZE)


def test_held_out_views_are_the_signs_others(sign_views):
    both = views("stop", 6, 5, size=SIZE).images
    np.testing.assert_array_equal(sign_views.held_out, both[3:])


def test_the_attack_sees_the_first_views_alone(sign_views):
    both = views("stop", 6, 5, size=SIZE)
    called = {}

    def attack(model, images, targets, *, homographies, progress):
        called.update(images=images, homographies=homographies)
        return [model, targets, progress]

    assert sign_views.make(attack, "model", (11, 4), None) == [
        "model",
        [11, 4],
        None,
    ]
    np.testing.assert_array_equal(called["images"], both.images[:3])
    np.testing.assert_array_equal(
        called["homographies"], both.to_pixels(SIZE, SIZE)[:3]
    )


def test_a_sticker_lands_on_the_middle_of_the_sign(sign_views):
    """Where the homography says that the plane's (0.5, 0.5) is seen."""
    mask = np.zeros((SIZE, SIZE), bool)
    mask[13:19, 13:19] = True
    delta = np.where(mask[..., None], np.float32(-1), 0).repeat(3, -1)
    sticker = Sticker(delta, mask, 0, {})
    changed = (
        np.abs(sign_views.apply(sticker) - sign_views.held_out).max(-1) > 0.01
    )
    homographies = views("stop", 6, 5, size=SIZE).homographies[3:]
    for moved, homography in zip(changed, homographies, strict=True):
        x, y, depth = homography @ (0.5, 0.5, 1)
        row, column = np.argwhere(moved).mean(0) + 0.5
        assert (column, row) == pytest.approx((x / depth, y / depth), abs=1)


def test_front_has_the_stickers_size(sign_views):
    assert sign_views.front.shape == (SIZE, SIZE, 3)


def test_no_views():
    with pytest.raises(ValueError, match="Received: count=0"):
        SignViews("stop", count=0)


def test_masks_end_where_the_sign_does():
    sign_views = SignViews("yield", count=1, seed=0, size=SIZE)
    everywhere = np.ones((SIZE, SIZE), bool)
    np.testing.assert_array_equal(
        sign_views.on_plate(everywhere), sign_views.plate
    )
    assert 0 < sign_views.plate.sum() < SIZE**2
    corner = np.zeros((SIZE, SIZE), bool)
    corner[-1, 0] = True  # The sign is a triangle on its tip.
    with pytest.raises(ValueError, match="on the sign. Received: .* 1 pixels"):
        sign_views.on_plate(corner)
