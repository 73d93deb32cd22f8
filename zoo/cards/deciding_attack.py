"""Which attack the worst case of a card rests on."""

from collections.abc import Iterable
from collections.abc import Sequence

from zoo.cards.measurement import Measurement
from zoo.threat import ThreatModel

STANDARD = ("apgd", "apgdt", "fab", "square")
"""The attacks of AutoAttack."""

_STEPS, _QUERIES = 100, 5000
"""AutoAttack's own, of a restart."""

_RAND_LOSSES = {"ce", "dlr"}


def deciding_attack(
    measurements: Iterable[Measurement], ball: ThreatModel
) -> str | None:
    """Names the attack that decides the worst case in a ball.

    It is the attack of that ball with the lowest accuracy, such as
    `"pgd-40x5"`. "and others" follows if the worst case of each image is
    lower. If each attack got what those before it left, all of them decide:
    they are joined by a plus sign. The four attacks of AutoAttack, and the
    two of its version for randomised models, count as one; its steps and
    queries are said if they are fewer than its own.

    Args:
        measurements: Of a card.
        ball: Where the worst case was measured.

    Returns:
        The name; `None` if no attack of the ball was measured.
    """
    inside = [m for m in measurements if m.threat == ball]
    worst = [m.accuracy for m in inside if m.attack == "worst case"]
    attacks = [m for m in inside if m.attack != "worst case"]
    if not attacks:
        return None
    groups = _grouped(attacks)
    if any(m.cumulative for m in attacks):
        return " + ".join(groups)
    lowest = min(groups, key=lambda label: _lowest(groups[label]))
    others = worst and min(worst) < _lowest(groups[lowest])
    alone = len(groups) == 1 and len(groups[lowest]) > 1  # A suite.
    return f"{lowest} and others" if others and not alone else lowest


def _grouped(
    attacks: Sequence[Measurement],
) -> dict[str, list[Measurement]]:
    """Returns the attacks in order, those of a suite together."""
    suite, label = _suite(attacks)
    groups = {}
    for one in attacks:
        name = label if any(one is member for member in suite) else one.label
        groups.setdefault(name, []).append(one)
    return groups


def _suite(attacks):
    """Returns the measurements that are AutoAttack's, and its label."""
    members = [m for m in attacks if m.attack in STANDARD]
    if {m.attack for m in members} == set(STANDARD):
        steps = min(m.steps or 0 for m in members if m.attack != "square")
        queries = min(m.queries or 0 for m in members if m.attack == "square")
        if steps < _STEPS or queries < _QUERIES:
            return members, f"autoattack ({steps} steps, {queries} queries)"
        return members, "autoattack"
    averaged = [m for m in attacks if m.attack == "apgd"]
    if {m.options.get("loss", "ce") for m in averaged} == _RAND_LOSSES:
        steps = min(m.steps or 0 for m in averaged)
        draws = min(m.draws or 1 for m in averaged)
        said = f" ({steps} steps)" if steps < _STEPS else ""
        return averaged, f"autoattack-rand, {draws} draws{said}"
    return [], ""


def _lowest(group):
    return min(m.accuracy for m in group)
