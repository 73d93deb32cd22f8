"""Attacks that are run together."""

from typing import TYPE_CHECKING

from zoo.threat import ThreatModel
from zoo.training.attacks.registry import SUITES as by_name
from zoo.training.attacks.registry import check_spec
from zoo.training.attacks.registry import parameters
from zoo.training.attacks.registry import parse

if TYPE_CHECKING:
    from zoo.training.attacks.base import Attack


def suite(
    name: str,
    threat: ThreatModel,
    *,
    steps: int | None = None,
    queries: int | None = None,
    draws: int | None = None,
    seed: int | None = None,
) -> "tuple[Attack, ...]":
    """Binds the attacks of a suite to a ball.

    `None` leaves the suite's or each attack's own default. In AutoAttack that
    is 100 steps and 5,000 queries; if you take fewer, say so beside the
    accuracy.

    Args:
        name: A name of `by_name`.
        steps: Steps of the attacks that take them.
        queries: Queries of `square`.
        draws: Forward passes that its attacks average over; more than 1 for
            randomised models. `"rand"` takes 20 by itself.
        seed: Of the attacks that have one.

    Raises:
        ValueError: If there is no such suite, or no ball is given.
    """
    if name not in by_name:
        raise ValueError(
            f"A suite must be one of {', '.join(map(repr, by_name))}. "
            f"Received: name={name!r}"
        )
    _check_ball(name, threat)
    options = {"steps": steps, "queries": queries, "draws": draws, "seed": seed}
    given = [f"{k}={v}" for k, v in options.items() if v is not None]
    return _bound(name, ",".join(given), threat)


def parse_all(
    spec: str, threat: ThreatModel | None = None, **defaults: int | None
) -> "tuple[Attack, ...]":
    """Builds what a text names: one attack, as `parse` does, or a suite.

    Args:
        spec: As for `parse`, or `"standard:norm=linf,eps=0.1"` with any of
            `registry.SUITE_OPTIONS`, each for the attacks that have it.
        threat: Ball of a suite, and of an attack whose text leaves it open.
        defaults: As for `parse`, of each attack that has such an option, if
            neither the text nor the suite gives it.

    Raises:
        ValueError: If `parse` or `suite` raises, or a suite is given other
            options.
    """
    name = check_spec(spec)
    if name not in by_name:
        return (parse(spec, threat, **defaults),)
    given = spec.partition(":")[2]
    if not given:
        _check_ball(name, threat)
    for pair in filter(None, given.split(",")):
        if not any(_own(one, pair) for one in by_name[name]):
            raise ValueError(
                f"No attack of the suite {name!r} has such an option. "
                f"Received: {pair.strip()}"
            )
    return _bound(name, given, threat, **defaults)


def _bound(name, given, threat, **defaults):
    """Binds a suite's attacks; `given` options override the suite's."""
    return tuple(
        parse(
            f"{one}{',' if ':' in one else ':'}{_own(one, given)}",
            threat,
            **defaults,
        )
        for one in by_name[name]
    )


def _check_ball(name, threat):
    if threat is None:
        raise ValueError(
            f"The suite {name!r} needs a ball: give "
            "threat=ThreatModel('linf', 8 / 255), or another. "
            "Received: threat=None"
        )


def _own(spec: str, options: str) -> str:
    """Returns the options that the attack of the spec has."""
    has = parameters(check_spec(spec))
    return ",".join(
        pair
        for pair in options.split(",")
        if pair.partition("=")[0].strip() in has
    )
