"""Numbers over seeds as text."""

from zoo.training.reproduction.exhibit import mean_and_std


def test_mean_and_sample_deviation_in_percent():
    assert mean_and_std([0.4, 0.5, 0.6]) == "50.0 ± 10.0"


def test_one_seed_has_no_spread():
    assert mean_and_std([0.25]) == "25.0"


def test_lengths_are_no_percentages():
    assert mean_and_std([0.2, 0.2], percent=False) == "0.200 ± 0.000"
