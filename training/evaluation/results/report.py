"""The result of an evaluation."""

import dataclasses
import inspect
import json
import os
import pathlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import rich.console

from zoo.atomic_write import atomic_write
from zoo.cards.measurement import EFFORT
from zoo.cards.sticker_success import StickerSuccess
from zoo.regular_files import read_json
from zoo.training import attacks
from zoo.training.evaluation.results import report_tables
from zoo.training.evaluation.results.accuracy import Accuracy
from zoo.training.evaluation.results.attack_result import AttackResult
from zoo.training.evaluation.results.attack_result import WorstCase
from zoo.training.evaluation.results.flag import NOT_ADAPTIVE
from zoo.training.evaluation.results.flag import Flag

_FORMAT = 4


@dataclasses.dataclass(frozen=True, kw_only=True)
class Report:
    """How accurate a model is, clean and attacked, and how that was measured.

    Accuracies of a randomised model are means over fresh draws of its
    randomness; the worst draw stands beside each.

    With `skip_fooled`, the robust accuracy of an attack in a ball is what is
    left after it and those before it in that ball; each result says how
    many images the attack was run on.

    Args:
        model: The model's name.
        flags: Signs that a number cannot be trusted; empty if none was found.
        sanity: Number of images that further attacks, which look for more
            such signs, were run on; 0 if they weren't run.
        weights: SHA-256 of the model's weights in their order.
        attacked_weights: That of the model the attacks were run on, if it is
            another, such as a surrogate's; else `None`.
        dataset: The data set's name, if it was given.
        images: Number of images.
        attacked: Number of them that were attacked, from the front.
        stochastic: Whether the model is randomised.
        draws: Forward passes that scored each image, 1 unless stochastic.
        skip_fooled: Whether images that were misclassified, or that an
            earlier attack in the same ball had fooled, were not attacked
            again.
        clean: Accuracy without an attack.
        attacks: One result an attack, in the order they ran.
        worst_cases: One for each ball that was asked for or attacked in,
            unless only noise, or attacks of smaller balls or other norms,
            entered it.
        stickers: Success of stickers on signs, one entry for each variant.
        seed: Seed of the model's and the attacks' randomness.
        batch_size: Images attacked at once.
        attack_policy: Dtype policy of the model the attacks were run on.
        versions: Of this package, Python and the libraries.
        commit: Git commit of this package when the evaluation began, `None`
            if installed from a wheel.
        date: When the evaluation began, UTC, ISO 8601.
    """

    model: str
    flags: tuple[Flag, ...]
    sanity: int = 0
    weights: str
    dataset: str | None
    images: int
    attacked: int
    stochastic: bool
    draws: int
    skip_fooled: bool
    clean: Accuracy
    attacks: tuple[AttackResult, ...]
    worst_cases: tuple[WorstCase, ...]
    stickers: tuple[StickerSuccess, ...] = ()
    seed: int
    batch_size: int
    attack_policy: str
    attacked_weights: str | None = None
    versions: Mapping[str, str]
    commit: str | None
    date: str

    @property
    def adaptive(self) -> bool:
        """Whether the attacks knew the defense and had a gradient."""
        return not any(flag.rule in NOT_ADAPTIVE for flag in self.flags)

    @property
    def clean_accuracy(self) -> float:
        """Mean accuracy without an attack."""
        return self.clean.mean

    def measurements(self) -> list[dict[str, Any]]:
        """Returns what a model card records: clean, attacks, worst cases.

        Attacked accuracies carry the report's flags.

        Raises:
            ValueError: If no attack knew the defense, or it had no gradient.
        """
        if not self.adaptive:
            broken = [str(f) for f in self.flags if f.rule in NOT_ADAPTIVE]
            raise ValueError(
                "A card's numbers must come from attacks that know the "
                "defense and have a gradient to follow. "
                f"Received: {'; '.join(broken)}"
            )
        flags = [str(flag) for flag in self.flags]
        shared = {
            "seed": self.seed,
            "date": self.date,
            "commit": self.commit,
        }

        def measurement(
            attack,
            accuracy,
            threat=None,
            options=MappingProxyType({}),
            cumulative=False,
            runs=(),
        ):
            clean = accuracy is self.clean
            others = _unusual(attack, options)
            return {
                "attack": attack,
                "images": self.images if clean else self.attacked,
                **(dataclasses.asdict(threat) if threat else {}),
                **{name: options[name] for name in EFFORT if name in options},
                **({"options": others} if others else {}),
                "accuracy": accuracy.mean,
                "interval": list(accuracy.interval),
                "worst_draw": accuracy.worst_draw,
                "scoring_draws": self.draws,
                **({} if clean else {"attack_policy": self.attack_policy}),
                **({"flags": flags} if flags and not clean else {}),
                **({} if clean else {"sanity": self.sanity}),
                **({"cumulative": True} if cumulative else {}),
                **({"runs": list(runs)} if len(runs) > 1 else {}),
                **shared,
            }

        return [
            measurement("clean", self.clean),
            *(
                measurement(
                    r.attack,
                    r.robust,
                    r.threat,
                    r.options,
                    cumulative=self.skip_fooled and r.threat is not None,
                    runs=r.runs,
                )
                for r in self.attacks
            ),
            *(
                measurement("worst case", worst.robust, worst.threat)
                for worst in self.worst_cases
            ),
        ]

    def to_dict(self) -> dict[str, Any]:
        """Returns the report as plain data that JSON can hold."""
        data = {"format": _FORMAT, **dataclasses.asdict(self)}
        return data | {"stickers": [one.to_dict() for one in self.stickers]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Report":
        """Reads what `to_dict` wrote.

        Raises:
            ValueError: If the data are of another format.
        """
        data = dict(data)
        found = data.pop("format", None)
        # Earlier versions didn't write these.
        data.setdefault("attacked_weights", None)
        data.setdefault("sanity", 0)
        data.setdefault("stickers", ())
        fields = {field.name for field in dataclasses.fields(cls)}
        if found != _FORMAT or data.keys() != fields:
            unexpected = sorted(data.keys() ^ fields)
            raise ValueError(
                f"A report must have format {_FORMAT} and its fields. "
                f"Received: format={found}, missing or unknown {unexpected}"
            )
        data["clean"] = Accuracy.from_dict(data["clean"])
        data["flags"] = tuple(Flag(**flag) for flag in data["flags"])
        data["attacks"] = tuple(map(AttackResult.from_dict, data["attacks"]))
        data["worst_cases"] = tuple(
            map(WorstCase.from_dict, data["worst_cases"])
        )
        data["stickers"] = tuple(
            map(StickerSuccess.from_dict, data["stickers"])
        )
        return cls(**data)

    def to_json(self, path: str | os.PathLike) -> None:
        """Writes the report, replacing the file as a whole.

        Raises:
            OSError: If the file cannot be written.
        """
        text = json.dumps(self.to_dict(), indent=2, allow_nan=False)
        with atomic_write(path) as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")

    @classmethod
    def from_json(cls, path: str | os.PathLike) -> "Report":
        """Reads what `to_json` wrote.

        Raises:
            OSError: If the file cannot be read.
            ValueError: If the file holds no report.
        """
        return cls.from_dict(read_json(pathlib.Path(path), dict))

    def to_markdown(self, path: str | os.PathLike | None = None) -> str:
        """Returns the report as a page, and writes it if a path is given.

        Raises:
            OSError: If the file cannot be written.
        """
        text = report_tables.markdown(self)
        if path is not None:
            with atomic_write(path) as temporary:
                temporary.write_text(text, encoding="utf-8")
        return text

    def table(self) -> rich.console.RenderableType:
        """Returns the report as a table for `rich` to print."""
        return report_tables.Table(self)


def _unusual(attack: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the options without a field in a card that aren't defaults."""
    factory = attacks.by_name.get(attack)
    defaults = inspect.signature(factory).parameters if factory else {}
    told = {*EFFORT, "norm", "eps", "seed"}
    return {
        name: value
        for name, value in options.items()
        if name not in told
        and not (name in defaults and value == defaults[name].default)
    }
