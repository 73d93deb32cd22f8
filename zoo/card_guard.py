"""Whether new numbers may take the place of a card's."""

from collections.abc import Iterable
from itertools import groupby

from zoo.measurement import Measurement


def check_no_loss(
    old: Iterable[Measurement], new: Iterable[Measurement]
) -> None:
    """Raises an error if weaker numbers would take the place of a card's.

    Numbers are compared ball by ball, those without a ball attack by attack,
    each time the lowest accuracy and the largest number of images.

    Args:
        old: What the card holds of the same weights.
        new: What is to take its place.

    Raises:
        ValueError: If in one of its balls nothing was measured, or on fewer
            images, or the lowest accuracy is above the old one's interval,
            as of weaker attacks.
    """
    found = _summaries(new)
    losses = []
    for what, before in _summaries(old).items():
        if what not in found:
            losses.append(f"nothing for {what}")
            continue
        lowest, images = found[what]
        accuracy, highest = before[0].accuracy, _highest(before[0])
        if images < before[1]:
            losses.append(f"{images} images for {before[1]} in {what}")
        elif what != "clean" and lowest.accuracy > highest:
            losses.append(
                f"{lowest.accuracy:.1%} for {accuracy:.1%} in {what}, as by "
                "weaker attacks"
            )
    if losses:
        raise ValueError(
            "A card's numbers must not give way to weaker ones of the same "
            "weights; measure all of them, or replace the card as a whole "
            f"(replace=True, --replace-card). Received: {'; '.join(losses)}"
        )


def _summaries(measurements):
    """Returns the lowest measurement and the most images, by ball or attack."""
    ordered = sorted(measurements, key=_ball_or_attack)
    groups = {k: list(g) for k, g in groupby(ordered, key=_ball_or_attack)}
    return {
        what: (
            min(group, key=lambda one: one.accuracy),
            max(one.images for one in group),
        )
        for what, group in groups.items()
    }


def _ball_or_attack(measurement):
    return str(measurement.threat or measurement.attack)


def _highest(measurement):
    return (measurement.interval or (0, measurement.accuracy))[1]
