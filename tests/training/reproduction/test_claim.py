"""Claims about two numbers."""

import pytest

from training.reproduction.claim import claim


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
def test_claims(lower, higher, said):
    assert claim("It helps", lower, higher) == said
