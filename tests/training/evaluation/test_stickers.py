"""BlurNet's measures of stickers, by hand."""

import numpy as np
import pytest

from tests.helpers import LinearModel
from zoo.training.attacks.rp2 import Sticker
from zoo.training.evaluation import score_stickers

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


def test_there_must_be_a_sticker():
    with pytest.raises(ValueError, match="Received: none"):
        score_stickers(LinearModel(SHAPE, 4).keras, [], VIEWS)
