"""Suggestions for misspelt names."""

import pytest

import zoo
from zoo.suggestions import check_options
from zoo.suggestions import did_you_mean
from zoo.suggestions import near_names


def test_the_nearest_name_or_nothing():
    known = ("pgd", "apgd", "ddn")
    assert did_you_mean("pdg", known) == " Did you mean 'pgd'?"
    assert did_you_mean("nonsense", known) == ""
    assert did_you_mean("pdg", iter(known)) == " Did you mean 'pgd'?"


def test_case_makes_no_difference():
    assert did_you_mean("PGD", ("pgd", "ddn")) == " Did you mean 'pgd'?"
    assert did_you_mean("turnright", ["turnRight"]) == (
        " Did you mean 'turnRight'?"
    )
    assert near_names("AB", ["ab", "abc", "xy"], most=5) == ["ab", "abc"]
    with pytest.raises(zoo.UnknownPresetError, match="names: irm_wrn16_2[,;]"):
        zoo.info("IRM_WRN16_2")


def test_options_are_suggested_too():
    def build(*, depth=1, name="x"):
        del depth, name

    check_options("build", build, {"depth": 2}, hidden=("name",))
    with pytest.raises(ValueError, match="options depth. Did you mean 'depth"):
        check_options("build", build, {"Depth": 2}, hidden=("name",))
