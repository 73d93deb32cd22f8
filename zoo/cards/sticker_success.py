"""How often stickers on signs fool a model, and how that was measured."""

import dataclasses
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from zoo.cards.measurement import short_commit


@dataclass(frozen=True, kw_only=True)
class StickerSuccess:
    """The success of stickers that were made on the model itself.

    A sticker is made for each sign and target on views of the sign, and
    tested on as many held-out views. Its success is the share of these whose
    prediction changes, to any class: BlurNet's attack success rate.

    Args:
        attack: Name of the attack, such as `"rp2"`.
        options: Its options that differ from the defaults, such as
            `{"frequencies": 8}` of an adaptive variant.
        steps: Gradients taken for each sticker.
        mask: Where on the sign the sticker is.
        signs: What each sign shows and its seed, such as `("stop", 0)`; two
            of one class differ in wear.
        targets: Classes that a sticker imitates; on a sign all but its own.
        views: Held-out views of each sign.
        accuracy: Share of the held-out views, of all signs, that are
            classified right without a sticker.
        success: Success of each sticker, one row a sign and one column a
            target; `None` where the target is the sign's own class.
        targeted: Mean share of the views that are taken for the target.
        dissimilarity: Mean of `||x - x_adv|| / ||x_adv||`.
        interval: 95 % confidence interval of `average`, for the sampling of
            the views.
        seed: Seed of the first sign of each class.
        date: When the measurement began, ISO 8601.
        commit: Git commit of the sources that measured, if known.

    Raises:
        ValueError: If a share is not in [0, 1], or there is no view, step,
            sign or target, or no success for each.
    """

    attack: str
    options: Mapping[str, Any]
    steps: int
    mask: str
    signs: tuple[tuple[str, int], ...]
    targets: tuple[str, ...]
    views: int
    accuracy: float
    success: tuple[tuple[float | None, ...], ...]
    targeted: float
    dissimilarity: float
    interval: tuple[float, float]
    seed: int
    date: str
    commit: str | None = None

    def __post_init__(self) -> None:
        shape = {len(row) for row in self.success}
        if len(self.success) != len(self.signs) or shape != {len(self.targets)}:
            raise ValueError(
                "Stickers must have a success for each sign and target. "
                f"Received: signs={self.signs}, targets={self.targets}, "
                f"success={self.success}"
            )
        measured = [value for row in self.success for value in _known(row)]
        shares = [*measured, self.accuracy, self.targeted, *self.interval]
        if not measured or not all(0 <= share <= 1 for share in shares):
            raise ValueError(
                "Shares of views must be in [0, 1], and one sticker measured. "
                f"Received: {shares}"
            )
        if self.views < 1 or self.steps < 1:
            raise ValueError(
                "There must be a view and a step. "
                f"Received: views={self.views}, steps={self.steps}"
            )

    @property
    def average(self) -> float:
        """Mean success over signs and targets."""
        rows = [_known(row) for row in self.success]
        return sum(map(sum, rows)) / sum(map(len, rows))

    @property
    def worst(self) -> float:
        """Success of the most successful sticker of all signs and targets."""
        return max(self.worst_by_sign)

    @property
    def worst_by_sign(self) -> tuple[float, ...]:
        """Success of each sign's most successful target, as in table 2."""
        return tuple(max(_known(row)) for row in self.success)

    @property
    def worst_sticker(self) -> str:
        """The sign and target of the most successful sticker."""
        rows = zip(self.signs, self.success, strict=True)
        (sign, seed), row = max(rows, key=lambda row: max(_known(row[1])))
        target = self.targets[row.index(max(_known(row)))]
        return f"{sign} {seed} to {target}"

    @property
    def label(self) -> str:
        """The attack with its steps and options, such as `rp2-300`."""
        options = [
            f"{name}={value:g}"
            if isinstance(value, float)
            else f"{name}={value}"
            for name, value in self.options.items()
        ]
        return ", ".join([f"{self.attack}-{self.steps}", *options])

    @property
    def effort(self) -> str:
        """What the stickers were made for, in words."""
        classes = dict.fromkeys(sign for sign, _ in self.signs)
        # A sign is no target of its own.
        targets = max(len(_known(row)) for row in self.success)
        return (
            f"{_counted(len(self.signs), 'sign')} ({', '.join(classes)}), "
            f"{_counted(targets, 'target')}, "
            f"{_counted(self.views, 'held-out view')}, mask `{self.mask}`"
        )

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "StickerSuccess":
        """Reads what `to_dict` gives.

        Raises:
            ValueError: If a field is missing, unknown or impossible.
        """
        known = {field.name for field in dataclasses.fields(cls)}
        derived = {"average", "worst"}
        values = {k: v for k, v in data.items() if k not in derived}
        if values.keys() != known:
            raise ValueError(
                "A success of stickers must have its fields. Received: missing "
                f"or unknown {sorted(values.keys() ^ known)}"
            )
        values["signs"] = tuple((sign, seed) for sign, seed in values["signs"])
        values["success"] = tuple(map(tuple, values["success"]))
        for name in ("targets", "interval"):
            values[name] = tuple(values[name])
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """Returns plain data that JSON can hold, average and worst too."""
        data = dataclasses.asdict(self)
        data["signs"] = [list(sign) for sign in self.signs]
        data["success"] = [list(row) for row in self.success]
        for name in ("targets", "interval"):
            data[name] = list(data[name])
        data["options"] = dict(self.options)
        return data | {"average": self.average, "worst": self.worst}

    def __str__(self) -> str:
        low, high = self.interval
        commit = f", commit {short_commit(self.commit)}" if self.commit else ""
        return (
            f"{self.label}  average {self.average:.1%} ({low:.1%} to "
            f"{high:.1%}), worst {self.worst:.1%} ({self.worst_sticker}); "
            f"{self.accuracy:.1%} right without  {self.effort}, "
            f"seed {self.seed}, {self.date}{commit}"
        )


def check_no_weaker(
    old: Iterable[StickerSuccess], new: Iterable[StickerSuccess]
) -> None:
    """Raises an error if weaker stickers would replace a card's.

    Args:
        old: What the card holds of the same weights.
        new: What would replace it.

    Raises:
        ValueError: If a variant of the attack on the card is missing, has
            fewer signs, targets, views or steps, or an average success below
            the old one's interval.
    """
    found = {_variant(one): one for one in new}
    losses = []
    for variant, before in ((_variant(one), one) for one in old):
        after = found.get(variant)
        if after is None:
            losses.append(f"nothing for {before.label} on {before.mask}")
            continue
        for what in ("signs", "targets", "views", "steps"):
            counts = [_count(one, what) for one in (after, before)]
            if counts[0] < counts[1]:
                losses.append(
                    f"{counts[0]} {what} instead of {counts[1]} for "
                    f"{before.label}"
                )
        if after.average < before.interval[0]:
            losses.append(
                f"{after.average:.1%} instead of {before.average:.1%} for "
                f"{before.label}; the stickers were probably weaker"
            )
    if losses:
        raise ValueError(
            "A card's stickers must not be replaced by weaker ones on the same "
            "weights; measure all of them, or replace the card as a whole "
            f"(replace=True, --replace-card). Received: {'; '.join(losses)}"
        )


def _known(row):
    return [value for value in row if value is not None]


def _counted(number, noun):
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _variant(one):
    """Returns what tells one attack of a card from another."""
    return one.attack, tuple(sorted(one.options.items())), one.mask


def _count(one, what):
    value = getattr(one, what)
    return value if isinstance(value, int) else len(value)
