"""Verdicts about two numbers, and means as text."""

import pytest

from zoo.training.reproduction.exhibit import mean_and_std
from zoo.training.reproduction.exhibit import verdict


@pytest.mark.parametrize(
    ("lower", "higher", "said"),
    [
        (0.5, 0.75, "It helps: holds (75.0% against 50.0%)."),
        (0.75, 0.5, "It helps: **does not hold** (50.0% against 75.0%)."),
        (0.5, 0.5, "It helps: **does not hold** (50.0% against 50.0%)."),
        (None, 0.5, "It helps: not measured."),
        (0.0, None, "It helps: not measured."),
    ],
)
def test_verdicts(lower, higher, said):
    assert verdict("It helps", lower, higher) == said


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        # 1.96 sqrt((0.5 * 0.5 + 0.6 * 0.4) / n) is 0.1 at n = 188.2.
        (189, "holds"),
        (188, "**undecided**, within chance"),
    ],
)
def test_few_images_decide_nothing(images, expected):
    said = verdict("It helps", 0.5, 0.6, images=images)
    assert said == f"It helps: {expected} (60.0% against 50.0%)."
    said = verdict("It helps", 0.6, 0.5, images=images)
    assert ("does not hold" in said) == (expected == "holds")


def test_mean_and_sample_deviation_in_percent():
    assert mean_and_std([0.4, 0.5, 0.6]) == "50.0 ± 10.0"


def test_one_seed_has_no_spread():
    assert mean_and_std([0.25]) == "25.0"


def test_lengths_are_no_percentages():
    assert mean_and_std([0.2, 0.2], percent=False) == "0.200 ± 0.000"
