"""Attacks that are run together."""

from training.attacks.base import Attack
from training.attacks.registry import parse
from zoo.threat import ThreatModel

by_name = {
    "standard": ("apgd:loss=ce", "apgdt", "fab", "square"),
}
"""The attacks of each suite, the cheapest first, without their ball.

`standard` is AutoAttack (Croce & Hein, 2020,
https://arxiv.org/abs/2003.01690).
"""


def suite(
    name: str, threat: ThreatModel, *, draws: int | None = None
) -> tuple[Attack, ...]:
    """Binds the attacks of a suite to a ball.

    Args:
        name: A name of `by_name`.
        draws: Forward passes that its attacks average over; more than 1 for
            randomised models. `None` for their own default.

    Raises:
        ValueError: If there is no such suite, or no ball is given.
    """
    if name not in by_name:
        raise ValueError(
            f"A suite must be one of {', '.join(map(repr, by_name))}. "
            f"Received: name={name!r}"
        )
    if threat is None:
        raise ValueError(
            f"The suite {name!r} needs a ball, such as ThreatModel('linf', "
            "8 / 255). Received: threat=None"
        )
    return tuple(parse(spec, threat, draws=draws) for spec in by_name[name])
