from types import SimpleNamespace

import pytest

from zoo.cli.commands.export_command import _comparison


@pytest.mark.parametrize(
    ("form", "int8", "difference", "expected"),
    [
        (
            "openvino",
            40,
            1e-6,
            (
                "int8 against floating point",
                "the same class in 97.5 %, logits within 0.31",
            ),
        ),
        (
            "openvino",
            None,
            1e-6,
            ("against Keras, in openvino", "logits within 1e-06"),
        ),
        (
            "saved_model",
            None,
            0.0,
            ("against Keras, through the C++ loader", "the same logits"),
        ),
    ],
)
def test_shows_the_check_of_the_file_that_is_shipped(
    form, int8, difference, expected
):
    """An int8 file's number isn't that of the float file before it."""
    report = SimpleNamespace(
        max_abs_difference=difference,
        int8_agreement=0.975,
        int8_max_abs_difference=0.312,
    )
    options = SimpleNamespace(format=form, int8=int8)
    assert _comparison(report, options) == expected
