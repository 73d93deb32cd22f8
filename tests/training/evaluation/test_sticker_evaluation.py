"""The success of RP2 on several signs, against its parts one by one."""

import dataclasses

import keras
import numpy as np
import pytest

from zoo.cards import StickerSuccess
from zoo.layers import JPEG
from zoo.layers import RandomPatchJPEG
from zoo.models import lisa_cnn
from zoo.training.attacks.rp2 import masks
from zoo.training.attacks.rp2 import rp2
from zoo.training.datasets.lisa_classes import LISA_CLASSES
from zoo.training.evaluation import evaluate_stickers
from zoo.training.evaluation import sticker_folder
from zoo.training.evaluation.results.metrics import wilson_interval
from zoo.training.evaluation.stickers import SignViews

TARGETS = ("yield", "stop", "merge")
OPTIONS = dict(
    signs=("stop", "yield"),
    targets=TARGETS,
    seeds=1,
    views=3,
    seed=5,
    steps=2,
    step_size=0.5,
    progress=False,
)


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(1)
    return lisa_cnn(num_classes=17)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("stickers")


@pytest.fixture(scope="module")
def measured(model, folder):
    return evaluate_stickers(model, LISA_CLASSES, resume=folder, **OPTIONS)


def test_success_is_that_of_each_signs_stickers(model, measured):
    rows, shares = [], []
    for sign, targets in (("stop", (0, 2)), ("yield", (1, 2))):
        seen = SignViews(sign, count=3, seed=5)
        mask = seen.on_plate(masks.two_rectangles(32, 32))
        attack = rp2(mask=mask, steps=2, step_size=0.5, seed=5)
        labels = [LISA_CLASSES.index(TARGETS[t]) for t in targets]
        scores = seen.score(model, seen.make(attack, model, labels, None))
        row = [None] * 3
        for target, value in zip(targets, scores.success, strict=True):
            row[target] = value
        rows.append(tuple(row))
        label = LISA_CLASSES.index(sign)
        right = model.predict(seen.held_out, verbose=0).argmax(1) == label
        shares.append((right.mean(), scores.targeted.mean()))
    assert measured.success == tuple(rows)
    assert measured.accuracy == pytest.approx(np.mean(shares, axis=0)[0])
    assert measured.targeted == pytest.approx(np.mean(shares, axis=0)[1])
    assert measured.signs == (("stop", 5), ("yield", 5))
    flat = [value for row in rows for value in row if value is not None]
    assert measured.interval == wilson_interval(np.mean(flat), 6)


def test_it_says_what_was_unusual(measured):
    assert (measured.steps, measured.options) == (2, {"step_size": 0.5})
    assert measured.label == "rp2-2, step_size=0.5"
    assert StickerSuccess.from_dict(measured.to_dict()) == measured


def test_stickers_are_read_again(model, measured, folder, monkeypatch):
    assert len(list(folder.glob("*.npz"))) == 2
    monkeypatch.setattr(sticker_folder.SignViews, "make", None)
    again = evaluate_stickers(model, LISA_CLASSES, resume=folder, **OPTIONS)
    assert dataclasses.replace(again, date=measured.date) == measured


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"signs": ("halt",)}, "Received: signs="),
        ({"signs": ()}, r"Received: signs=\[\]"),
        ({"signs": ("stop", "stop")}, "different signs"),
        ({"targets": ()}, r"Received: targets=\[\]"),
        ({"targets": ("yield",)}, "another sign than each of signs"),
        ({"mask": "octogon"}, "Received: mask='octogon'"),
        ({"seeds": 0}, "Received: seeds=0"),
        ({"views": 0}, "Received: count=0"),
        ({"steps": 0}, "Received: steps=0"),
        ({"size": 48}, "Received: a model of 32x32 pixels, size=48"),
    ],
)
def test_bad_options(changes, said, model):
    with pytest.raises(ValueError, match=said):
        evaluate_stickers(model, LISA_CLASSES, **OPTIONS | changes)


def test_the_model_knows_the_signs(model):
    with pytest.raises(ValueError, match="without merge, yield: stop"):
        evaluate_stickers(model, ("stop",) * 17, **OPTIONS)


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        (JPEG(gradient="none", name="codec"), "which hides it in codec"),
        (RandomPatchJPEG(), "random$"),
    ],
)
def test_a_failure_for_want_of_a_gradient_is_no_success(layer, said, model):
    defended = keras.Sequential([keras.Input((32, 32, 3)), layer, model])
    with pytest.raises(ValueError, match=said):
        evaluate_stickers(defended, LISA_CLASSES, **OPTIONS)
