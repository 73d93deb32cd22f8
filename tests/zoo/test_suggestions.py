"""Suggestions for misspelt names."""

from zoo.suggestions import did_you_mean


def test_the_nearest_name_or_nothing():
    known = ("pgd", "apgd", "ddn")
    assert did_you_mean("pdg", known) == " Did you mean 'pgd'?"
    assert did_you_mean("nonsense", known) == ""
    assert did_you_mean("pdg", iter(known)) == " Did you mean 'pgd'?"
