"""One number of a model card, and how it was measured."""

import dataclasses
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from zoo.threat import ThreatModel

_REQUIRED = ("attack", "accuracy", "images", "seed", "date")
EFFORT = ("steps", "queries", "restarts", "draws")
"""Options of an attack that say how hard it tries."""


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """An accuracy, clean or attacked, and how it was measured.

    Args:
        attack: Name of the attack; `"clean"` without one, `"worst case"` for
            the most harmful of all that stayed in the ball.
        accuracy: Fraction of the images classified right, 0 to 1.
        images: Number of images.
        seed: Seed of the evaluation.
        date: When the evaluation began, ISO 8601.
        commit: Git commit of the sources that measured, if known.
        threat: Ball that the attack stayed in, if it has one.
        steps: Gradients computed in each restart.
        queries: Images that a black-box attack tries in each restart.
        restarts: Number of times that the attack starts.
        draws: Forward passes that each gradient is averaged over.
        options: The attack's other options that differ from the defaults.
        scoring_draws: Forward passes that scored each image.
        interval: 95 % confidence interval of the accuracy.
        attack_policy: Dtype policy of the model that the attack was run on.
        runs: Accuracy of each run, if the attack was run several times.
            `accuracy` then takes the worst run for each image.
        cumulative: Whether the accuracy is what this attack and those before
            it in the ball leave, not this attack alone.
        flags: Signs, found by the evaluation, that the number may be too
            high.
        sanity: Number of images that the evaluation ran its sanity attacks
            on, if known.
        others: Other fields, as plain data.

    Raises:
        ValueError: If the accuracy is not in [0, 1] or there are no images.
    """

    attack: str
    accuracy: float
    images: int
    seed: int
    date: str
    commit: str | None = None
    threat: ThreatModel | None = None
    steps: int | None = None
    queries: int | None = None
    restarts: int | None = None
    draws: int | None = None
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    scoring_draws: int | None = None
    interval: tuple[float, float] | None = None
    attack_policy: str | None = None
    runs: tuple[float, ...] | None = None
    cumulative: bool = False
    flags: tuple[str, ...] = ()
    sanity: int | None = None
    others: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 <= self.accuracy <= 1 or self.images < 1:
            raise ValueError(
                "A measurement must have an accuracy in [0, 1] on at least one "
                f"image. Received: accuracy={self.accuracy!r}, "
                f"images={self.images!r}"
            )

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Measurement":
        """Reads what `to_dict` gives; `None` is the same as left out.

        Raises:
            ValueError: If a field is missing or has an impossible value.
        """
        values = {k: v for k, v in data.items() if v is not None}
        missing = [key for key in _REQUIRED if key not in values]
        if missing:
            raise ValueError(
                f"A measurement must have {', '.join(_REQUIRED)}. "
                f"Received: none of {', '.join(missing)} in {dict(data)}"
            )
        threat = None
        if "norm" in values or "eps" in values:
            threat = ThreatModel(values.pop("norm", ""), values.pop("eps", 0))
        if "interval" in values:
            low, high = values["interval"]
            values["interval"] = (low, high)
        if "runs" in values:
            values["runs"] = tuple(values["runs"])
        if "flags" in values:
            values["flags"] = tuple(values["flags"])
        fields = {field.name for field in dataclasses.fields(cls)}
        fields -= {"threat", "others"}
        others = {k: v for k, v in values.items() if k not in fields}
        known = {k: v for k, v in values.items() if k in fields}
        return cls(**known, threat=threat, others=others)

    def to_dict(self) -> dict[str, Any]:
        """The measurement as cards hold it: flat, without what is `None`.

        `cumulative` is left out too unless it is true, `flags` and `options`
        if empty.
        """
        data = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.name not in ("threat", "others")
        }
        data["cumulative"] = self.cumulative or None
        data["flags"] = list(self.flags) or None
        data["options"] = dict(self.options) or None
        if self.interval is not None:
            data["interval"] = list(self.interval)
        if self.runs is not None:
            data["runs"] = list(self.runs)
        if self.threat is not None:
            data |= {"norm": self.threat.norm, "eps": self.threat.eps}
        data |= self.others
        return {k: v for k, v in data.items() if v is not None}

    @property
    def label(self) -> str:
        """Name with loss, steps and restarts: `pgd-40x5`, `apgd-dlr-100`."""
        counts = {"steps": self.steps, "restarts": self.restarts}
        given = {k: v for k, v in counts.items() if v is not None}
        return attack_label(self.attack, {**self.options, **given})

    @property
    def estimate(self) -> str:
        """The accuracy in percent, with its interval if there is one."""
        if self.interval is None:
            return f"{self.accuracy:.1%}"
        low, high = self.interval
        return f"{self.accuracy:.1%} ({low:.1%} to {high:.1%})"

    @property
    def options_in_words(self) -> list[str]:
        """The options, such as `["step size 0.1", "no random start"]`."""
        words = []
        for name, value in self.options.items():
            name = name.replace("_", " ")
            switch = {True: name, False: f"no {name}"}
            is_switch = isinstance(value, bool)
            words.append(switch[value] if is_switch else f"{name} {value}")
        return words

    @property
    def effort(self) -> str:
        """What was spent: images, steps, queries, restarts, draws, options."""
        parts = [f"{self.images} images"]
        for name in (*EFFORT, "scoring_draws"):
            count = getattr(self, name)
            if count is not None:
                unit = name.replace("_", " ")
                parts.append(f"{count} {unit[:-1] if count == 1 else unit}")
        parts += self.options_in_words
        if self.sanity:
            parts.append(f"sanity checked on {self.sanity}")
        if self.runs is not None:
            mean = statistics.mean(self.runs)
            std = statistics.stdev(self.runs)
            parts.append(
                f"worst of {len(self.runs)} runs ({mean:.1%} ± {std:.1%})"
            )
        return ", ".join(parts)

    def __str__(self) -> str:
        ball = ""
        if self.threat is not None:
            ball = f"{self.threat.norm} {self.threat.eps:g}"
        after = ", after those above" if self.cumulative else ""
        commit = f", commit {short_commit(self.commit)}" if self.commit else ""
        return (
            f"{self.attack:<11} {ball:<10} {self.estimate}  {self.effort}"
            f"{after}, seed {self.seed}, {self.date}{commit}"
        )


def attack_label(name: str, options: Mapping[str, Any]) -> str:
    """Returns an attack's name with its loss, steps and restarts."""
    label = name
    if options.get("loss") == "dlr":
        label += "-dlr"
    if "steps" in options:
        label += f"-{options['steps']}"
    if options.get("restarts", 1) > 1:
        label += f"x{options['restarts']}"
    return label


def short_commit(commit: str) -> str:
    """Returns the first digits of a hash; `-dirty` stays behind them."""
    digits, dash, note = commit.partition("-")
    return f"{digits[:7]}{dash}{note}"
