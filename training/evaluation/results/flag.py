"""A sign that a measured robustness is not real."""

import dataclasses

NOT_ADAPTIVE = ("hidden gradient", "no gradient", "no white box")
"""Rules broken by evaluations whose attacks don't know the defense.

The attacks have no gradient to follow, or another model's.
"""


@dataclasses.dataclass(frozen=True)
class Flag:
    """A sign that a number cannot be trusted.

    Args:
        rule: What was broken, such as `"more steps are weaker"`.
        finding: The numbers that break it.
    """

    rule: str
    finding: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.finding}"
