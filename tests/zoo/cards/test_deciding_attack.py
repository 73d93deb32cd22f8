"""Which attack a worst case rests on, by hand."""

import pytest

from zoo.cards.deciding_attack import STANDARD
from zoo.cards.deciding_attack import deciding_attack
from zoo.cards.measurement import Measurement
from zoo.threat import ThreatModel
from zoo.training.attacks.registry import SUITES

L2 = ThreatModel("l2", 1.0)


def measured(attack, accuracy, threat=L2, **options):
    return Measurement(
        attack=attack,
        accuracy=accuracy,
        threat=threat,
        images=1000,
        seed=0,
        date="2026-01-02",
        **options,
    )


PGD = measured("pgd", 0.5, steps=40, restarts=5)
FGSM = measured("fgsm", 0.6)
DDN = measured("ddn", 0.0, None, steps=100)
WEAKER = measured("pgd", 0.1, ThreatModel("l2", 2.0), steps=40)


def suite(steps=100, queries=5000, **options):
    return [
        measured("apgd", 0.46, steps=steps, **options),
        measured("apgdt", 0.43, steps=steps, **options),
        measured("fab", 0.45, steps=steps, **options),
        measured("square", 0.47, queries=queries, **options),
    ]


def rand(**options):
    losses = ({}, {"loss": "dlr"})
    return [
        measured("apgd", 0.4, draws=20, options=loss, **options)
        for loss in losses
    ]


def worst(accuracy):
    return measured("worst case", accuracy)


@pytest.mark.parametrize(
    ("measurements", "label"),
    [
        ([PGD, FGSM, worst(0.5)], "pgd-40x5"),
        ([PGD, FGSM, worst(0.49)], "pgd-40x5 and others"),
        ([PGD, DDN, WEAKER, worst(0.5)], "pgd-40x5"),
        ([DDN, WEAKER, worst(0.5)], None),
        ([PGD, *suite(), worst(0.43)], "autoattack"),
        ([PGD, *suite(), worst(0.42)], "autoattack and others"),
        ([*suite(), worst(0.42)], "autoattack"),
        (suite()[:3], "apgdt-100"),
        (
            suite(steps=20, queries=500),
            "autoattack (20 steps, 500 queries)",
        ),
        (
            [measured("pgd", 0.5, steps=40, cumulative=True)]
            + suite(cumulative=True),
            "pgd-40 + autoattack",
        ),
        (suite(cumulative=True), "autoattack"),
        (rand(steps=100), "autoattack-rand, 20 draws"),
        (rand(steps=10), "autoattack-rand, 20 draws (10 steps)"),
        ([], None),
        ([worst(0.5)], None),
    ],
)
def test_the_attack_that_decides(measurements, label):
    assert deciding_attack(measurements, L2) == label


def test_autoattack_is_what_the_suite_runs():
    names = (spec.partition(":")[0] for spec in SUITES["standard"])
    assert STANDARD == tuple(names)
