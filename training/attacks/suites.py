"""Attacks that are run together."""

from training.attack_names import SUITES as by_name
from training.attack_names import attack_name
from training.attacks.base import Attack
from training.attacks.registry import parse
from zoo.threat import ThreatModel


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
            f"The suite {name!r} needs a ball: give "
            "threat=ThreatModel('linf', 8 / 255), or another. "
            "Received: threat=None"
        )
    return tuple(parse(spec, threat, draws=draws) for spec in by_name[name])


def parse_all(
    spec: str, threat: ThreatModel | None = None, *, seed: int | None = None
) -> tuple[Attack, ...]:
    """Builds what a text names: one attack, as `parse` does, or a suite.

    Args:
        spec: As for `parse`, or `"standard:norm=linf,eps=0.1"`.
        threat: Ball of a suite, and of an attack whose text leaves it open.
        seed: Of an attack whose text leaves it open.

    Raises:
        ValueError: If `parse` or `suite` raises, or a suite is given options
            other than its ball.
    """
    name = attack_name(spec)
    if name not in by_name:
        return (parse(spec, threat, seed=seed),)
    ball = spec.partition(":")[2]
    if not ball:
        return suite(name, threat)
    return tuple(
        parse(f"{one}{',' if ':' in one else ':'}{ball}", threat)
        for one in by_name[name]
    )
