"""Names of a model's classes."""

import unicodedata
from collections.abc import Iterable

_UNPRINTED = ("Cc", "Cs", "Zl", "Zp")
"""Unicode's control characters, lone surrogates and line separators."""


def as_class_names(classes: Iterable) -> tuple[str, ...]:
    """Returns names of classes as text.

    Names are shown on terminals and kept in text files, one a line, so they
    have no control characters, such as escape sequences and line ends.

    Args:
        classes: A name each; numbers become their digits.

    Raises:
        ValueError: If it is a single text, or a name has a control character
            or can't be encoded.
    """
    if isinstance(classes, str | bytes):
        raise ValueError(
            f"`classes` must be a list of names. Received: classes={classes!r}"
        )
    names = tuple(map(str, classes))
    for name in names:
        if any(unicodedata.category(char) in _UNPRINTED for char in name):
            raise ValueError(
                "Names of classes must have no control characters. "
                f"Received: {name!r}"
            )
    return names
