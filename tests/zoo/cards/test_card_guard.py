"""Numbers of a card that must not be replaced by weaker ones."""

import pytest

from zoo.cards.card import check_no_loss
from zoo.cards.measurement import Measurement
from zoo.threat import ThreatModel

L2 = ThreatModel("l2", 1.5)


def measurement(attack, accuracy, threat=None, *, images=1000, **options):
    return Measurement(
        attack=attack,
        accuracy=accuracy,
        threat=threat,
        images=images,
        seed=0,
        date="2026-01-02",
        **options,
    )


CLEAN = measurement("clean", 0.9)
OLD = [
    CLEAN,
    measurement("pgd", 0.5, L2, interval=(0.47, 0.53)),
    measurement("fgsm", 0.7, L2, interval=(0.67, 0.73)),
]


@pytest.mark.parametrize(
    ("new", "said"),
    [
        ([CLEAN], "nothing for l2, eps 1.5$"),
        ([CLEAN, measurement("pgd", 0.5, ThreatModel("l2", 1.0))], "nothing"),
        (
            [CLEAN, measurement("pgd", 0.5, L2, images=999)],
            "999 images instead of 1000 in l2, eps 1.5$",
        ),
        ([CLEAN, measurement("fgsm", 0.7, L2)], "70.0% instead of 50.0% in l2"),
        (
            [measurement("clean", 0.9, images=9), *OLD[1:]],
            "9 images instead of 1000",
        ),
        (OLD[1:], "nothing for clean$"),
    ],
)
def test_what_a_card_would_lose(new, said):
    with pytest.raises(ValueError, match=said):
        check_no_loss(OLD, new)


@pytest.mark.parametrize(
    "new",
    [
        OLD,
        [CLEAN, measurement("apgd", 0.53, L2)],  # Within the interval.
        [CLEAN, measurement("apgd", 0.1, L2), measurement("ddn", 0.0)],
        [measurement("clean", 0.95, images=2000), *OLD[1:]],
    ],
)
def test_what_may_take_its_place(new):
    check_no_loss(OLD, new)
    check_no_loss([], new)


def test_without_an_interval_no_higher_accuracy_will_do():
    old = [measurement("pgd", 0.5, L2)]
    check_no_loss(old, [measurement("pgd", 0.5, L2)])
    with pytest.raises(ValueError, match="51.0% instead of 50.0%"):
        check_no_loss(old, [measurement("pgd", 0.51, L2)])


def test_attacks_without_a_ball_are_compared_by_name():
    old = [CLEAN, measurement("ddn", 0.0)]
    check_no_loss(old, [*old, measurement("cw", 0.2)])
    with pytest.raises(ValueError, match="nothing for ddn"):
        check_no_loss(old, [CLEAN, measurement("cw", 0.0)])
