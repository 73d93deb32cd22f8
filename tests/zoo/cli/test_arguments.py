"""Numbers on the command line stay within what can be counted."""

import argparse

import pytest

from zoo.cli.arguments import at_least
from zoo.cli.arguments import image_size


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0", "from 1. Received: 0"),
        ("x", "from 1. Received: x"),
        ("1" + "0" * 30, "from 1 to 9223372036854775807. Received"),
        ("1" + "0" * 5000, "from 1. Received: 10{99}$"),
    ],
    ids=["0", "x", "large", "digits"],
)
def test_whole_numbers(text, said):
    with pytest.raises(argparse.ArgumentTypeError, match=said):
        at_least(1)(text)


def test_numbers_with_an_upper_limit():
    with pytest.raises(argparse.ArgumentTypeError, match="from 1 to 9. Recei"):
        at_least(1, most=9)("x")
    assert at_least(1, most=9)("9") == 9


@pytest.mark.parametrize(
    "text",
    ["5", "0x5", "4097x4096", "1x" + "9" * 30, "1x" + "9" * 5000, "٣x٣"],
    ids=["one", "zero", "pixels", "large", "digits", "other digits"],
)
def test_sizes_of_images(text):
    with pytest.raises(argparse.ArgumentTypeError, match="16,777,216") as error:
        image_size(text)
    assert len(str(error.value)) < 250


def test_the_largest_size_of_images():
    assert image_size("4096x4096") == (4096, 4096)
