"""What one attack did to a model."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from training.evaluation import metrics
from training.evaluation.accuracy import Accuracy
from training.evaluation.outcome import Outcome
from zoo.threat import ThreatModel


@dataclasses.dataclass(frozen=True, kw_only=True)
class AttackResult:
    """What one attack did to the model.

    Args:
        attack: The attack's name.
        options: Its options, as values that JSON can hold.
        threat: Ball that its results stay in, `None` if it is unbounded.
        robust: Accuracy on the adversarial images; those misclassified
            without an attack count as wrong.
        success_rate: Fraction of the rightly classified images flipped,
            `None` if there were none.
        dissimilarity: Mean over all images of `||x - x_adv|| / ||x_adv||`.
        median_l2: Median L2 norm over the successful adversarial images:
            those that flipped a rightly classified one for at least half of
            the scoring draws. `None` if no attack succeeded.
        mean_l2: Their mean L2 norm.
        median_linf: Their median L-inf norm.
        mean_linf: Their mean L-inf norm.
        aaac_score: IRM's equation 5, on the 0 to 255 scale.
        seconds: Time the attack and its scoring took.
    """

    attack: str
    options: Mapping[str, Any]
    threat: ThreatModel | None
    robust: Accuracy
    success_rate: float | None
    dissimilarity: float
    median_l2: float | None
    mean_l2: float | None
    median_linf: float | None
    mean_linf: float | None
    aaac_score: float
    seconds: float

    @classmethod
    def of(
        cls,
        attack: str,
        options: Mapping[str, Any],
        threat: ThreatModel | None,
        *,
        clean: np.ndarray,
        outcome: Outcome,
    ) -> "AttackResult":
        """Reduces an outcome.

        Args:
            clean: Whether each draw got each original right,
                `(draws, images)`.
        """
        flipped = metrics.classified(clean) & ~metrics.classified(
            outcome.correct
        )
        return cls(
            attack=attack,
            options={k: _plain(v) for k, v in options.items()},
            threat=threat,
            robust=Accuracy.of(outcome.correct & metrics.classified(clean)),
            success_rate=metrics.attack_success_rate(clean, outcome.correct),
            dissimilarity=float(np.mean(outcome.dissimilarity)),
            median_l2=metrics.median_over(outcome.l2, flipped),
            mean_l2=metrics.mean_over(outcome.l2, flipped),
            median_linf=metrics.median_over(outcome.linf, flipped),
            mean_linf=metrics.mean_over(outcome.linf, flipped),
            aaac_score=metrics.aaac_score(
                outcome.pixel_distance, outcome.correct
            ),
            seconds=outcome.seconds,
        )

    @property
    def robust_accuracy(self) -> float:
        """Mean accuracy under the attack."""
        return self.robust.mean

    @property
    def label(self) -> str:
        """Name with the number of steps and restarts, such as `pgd-40x5`."""
        label = self.attack
        if "steps" in self.options:
            label += f"-{self.options['steps']}"
        if self.options.get("restarts", 1) > 1:
            label += f"x{self.options['restarts']}"
        return label

    def __str__(self) -> str:
        options = ", ".join(f"{k}={v!r}" for k, v in self.options.items())
        return f"{self.attack}({options})"

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "AttackResult":
        """Reads what `dataclasses.asdict` wrote."""
        threat = data["threat"]
        return cls(
            **{
                **data,
                "threat": threat and ThreatModel(**threat),
                "robust": Accuracy.from_dict(data["robust"]),
            }
        )


def _plain(value):
    """Turns an option into what JSON holds and gives back unchanged."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return repr(value)
