"""Suites that attack an image no more once it is fooled."""

import dataclasses

import numpy as np
import pytest

from tests.helpers import LinearModel
from tests.training.evaluation.toys import SHAPE
from tests.training.evaluation.toys import Shift
from tests.training.evaluation.toys import brightness
from tests.training.evaluation.toys import coin_model
from tests.training.evaluation.toys import levels
from tests.training.evaluation.toys import numbers
from zoo.threat import ThreatModel
from zoo.training import attacks
from zoo.training.attacks import suites
from zoo.training.evaluation import evaluate

BALL, WIDER = ThreatModel("linf", 0.1), ThreatModel("linf", 0.5)


def run(model, dataset, suite, **options):
    return evaluate(
        model, dataset, suite, progress=False, skip_fooled=True, **options
    )


def test_hand_computed_suite():
    """Of six grey levels one is misclassified and three are in reach."""
    images, labels = levels(0.2, 0.45, 0.55, 0.42, 0.9, 0.1)
    labels[5] = 1
    up, down = Shift(0.1, BALL), Shift(-0.1, BALL)
    again = Shift(0.05, BALL)
    report = run(brightness(), (images, labels), [up, down, again])
    assert report.skip_fooled
    assert (up.batches, down.batches, again.batches) == ([5], [3], [2])
    assert [r.images for r in report.attacks] == [5, 3, 2]
    robust = [r.robust_accuracy for r in report.attacks]
    assert robust == pytest.approx([3 / 6, 2 / 6, 2 / 6])
    assert [r.success_rate for r in report.attacks] == pytest.approx(
        [2 / 5, 1 / 3, 0.0]
    )
    assert report.attacks[2].median_l2 is None
    (worst,) = report.worst_cases
    assert worst.robust == report.attacks[-1].robust


def test_each_ball_has_its_own_survivors():
    data = levels(0.2, 0.45, 0.55)
    suite = [Shift(0.1, BALL), Shift(0.1, WIDER), Shift(-0.1, BALL)]
    report = run(brightness(), data, suite)
    assert [attack.batches for attack in suite] == [[3], [3], [2]]
    robust = [r.robust_accuracy for r in report.attacks]
    assert robust == pytest.approx([2 / 3, 2 / 3, 1 / 3])
    # The wider ball holds what was found in the other, too.
    remaining = [worst.robust.mean for worst in report.worst_cases]
    assert remaining == pytest.approx([1 / 3, 1 / 3])


def test_attacks_without_a_ball_are_run_on_all_and_spare_none():
    suite = [Shift(0.1, BALL), Shift(0.1), Shift(-0.1, BALL)]
    report = run(brightness(), levels(0.2, 0.45, 0.55), suite)
    assert [r.images for r in report.attacks] == [3, 3, 2]
    assert report.attacks[1].robust_accuracy == pytest.approx(2 / 3)


def test_batches_of_survivors_are_full():
    images, labels = levels(*np.tile([0.45, 0.2], 10))
    first, second = Shift(0.1, BALL), Shift(0.05, BALL)
    run(brightness(), (images, labels), [first, second], batch_size=4)
    assert first.batches == [4] * 5
    assert second.batches == [4, 4, 2]


def test_nobody_is_left():
    """The attack is not called, and what is left of nothing is nothing."""
    idle = Shift(0.1, BALL)
    report = run(brightness(), levels(0.45, 0.46), [Shift(0.1, BALL), idle])
    assert idle.batches == []
    assert report.attacks[1].images == 0
    assert report.attacks[1].robust_accuracy == 0.0


def test_worst_cases_are_those_of_the_whole_suite():
    linear = LinearModel(SHAPE, num_classes=4)
    data = linear.batch(60, closest=0.02, farthest=0.5)
    suite = [
        attacks.fgsm(norm="l2", eps=0.25),
        attacks.pgd(norm="l2", eps=0.25, steps=10),
        attacks.ddn(steps=30),
    ]
    skipping = run(linear.keras, data, suite, batch_size=16)
    whole = evaluate(linear.keras, data, suite, batch_size=16, progress=False)
    assert not whole.skip_fooled
    assert [r.images for r in whole.attacks] == [60, 60, 60]
    assert skipping.attacks[1].images < 60
    assert 0 < whole.worst_cases[0].robust.mean < 1
    assert skipping.worst_cases == whole.worst_cases


def test_an_image_that_half_the_draws_get_right_is_attacked_again():
    """A coin that lies in a quarter of cases is fooled across the edge."""
    data = levels(*np.full(40, 0.45))
    report = run(
        coin_model(),
        data,
        [Shift(0.01, BALL), Shift(0.1, BALL), Shift(0.02, BALL)],
        draws=25,
    )
    assert [r.images for r in report.attacks[:2]] == [40, 40]
    assert report.attacks[2].images < 4
    assert report.attacks[1].robust_accuracy == pytest.approx(0.25, abs=0.05)
    assert (
        report.attacks[2].robust_accuracy
        <= report.attacks[1].robust_accuracy
        <= report.attacks[0].robust_accuracy
    )


def test_a_suite_by_name(monkeypatch):
    specs = ("fgsm", "pgd:steps=3")
    monkeypatch.setitem(suites.by_name, "quick", specs)
    data = levels(*np.linspace(0.3, 0.7, 11))
    named = evaluate(brightness(), data, "quick", threat=BALL, progress=False)
    assert named.skip_fooled
    assert [r.images for r in named.attacks] == [11, 6]
    assert numbers(named) == numbers(
        run(brightness(), data, specs, threat=BALL)
    )


def test_a_black_box_that_finds_what_white_ones_left():
    """The gradient is of no use; the constant shift fools all but one."""

    @dataclasses.dataclass(frozen=True)
    class Blind(Shift):
        black_box: bool = True

    data = levels(0.45, 0.46, 0.47, 0.2)
    useless = Shift(-0.05, BALL)
    for skip in (True, False):
        report = evaluate(
            brightness(),
            data,
            [useless, Blind(0.1, BALL)],
            skip_fooled=skip,
            progress=False,
        )
        (flag,) = report.flags
        assert flag.rule == "black box beats white box"
    assert run(brightness(), data, [Blind(0.1, BALL), useless]).flags == ()


def test_a_suite_needs_a_ball():
    with pytest.raises(ValueError, match="threat=None"):
        evaluate(brightness(), levels(0.1), "standard", progress=False)
