"""Names of classes as text."""

import numpy as np
import pytest

from zoo.class_names import as_class_names


@pytest.mark.parametrize(
    "classes",
    [range(3), [0, 1, 2], np.arange(3), (str(n) for n in range(3))],
    ids=["range", "list", "array", "generator"],
)
def test_numbers_become_digits(classes):
    names = as_class_names(classes)
    assert names == ("0", "1", "2")
    assert all(type(name) is str for name in names)


def test_other_scripts_and_markup_are_kept():
    names = ("[red]Hemd, weiß", "क्‍ष", "T-shirt/top", "a\u00a0b")
    assert as_class_names(names) == names


@pytest.mark.parametrize(
    "name", ["a\nb", "\x1b[31mred", "a\u2028b", "tab\t", "\udcff", "\0"]
)
def test_control_characters_are_refused(name):
    with pytest.raises(ValueError, match="no control characters") as error:
        as_class_names(["shirt", name])
    assert str(error.value).isprintable()


@pytest.mark.parametrize("classes", ["abc", b"abc"])
def test_one_text_is_no_list(classes):
    with pytest.raises(ValueError, match="must be a list of names"):
        as_class_names(classes)
