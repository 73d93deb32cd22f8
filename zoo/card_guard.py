"""Whether new numbers may take the place of a card's."""

from collections.abc import Iterable

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
    for what, (before, images_before) in _summaries(old).items():
        if what not in found:
            losses.append(f"nothing for {what}")
            continue
        lowest, images = found[what]
        highest = before.interval[1] if before.interval else before.accuracy
        if images < images_before:
            losses.append(f"{images} images for {images_before} in {what}")
        elif what != "clean" and lowest.accuracy > highest:
            losses.append(
                f"{lowest.accuracy:.1%} for {before.accuracy:.1%} in {what}, "
                "as by weaker attacks"
            )
    if losses:
        raise ValueError(
            "A card's numbers must not give way to weaker ones of the same "
            "weights; measure all of them, or replace the card as a whole "
            f"(replace=True, --replace-card). Received: {'; '.join(losses)}"
        )


def _summaries(measurements):
    """Returns the lowest measurement and the most images, by ball or attack."""
    groups = {}
    for one in measurements:
        groups.setdefault(one.threat or one.attack, []).append(one)
    return {
        what: (
            min(group, key=lambda one: one.accuracy),
            max(one.images for one in group),
        )
        for what, group in groups.items()
    }
