"""What is left of a model under all attacks together."""

import dataclasses
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from zoo.threat import ThreatModel
from zoo.training.evaluation import metrics
from zoo.training.evaluation.accuracy import Accuracy
from zoo.training.evaluation.outcome import Outcome
from zoo.training.evaluation.phase import Phase


@dataclasses.dataclass(frozen=True, kw_only=True)
class WorstCase:
    """What is left of a model under all attacks together.

    Args:
        threat: The ball. Every adversarial image found inside it counts,
            whichever attack found it.
        robust: Accuracy when each image meets the one its draws get wrong
            most often.
    """

    threat: ThreatModel
    robust: Accuracy

    @classmethod
    def of(
        cls,
        threat: ThreatModel,
        *,
        clean: np.ndarray,
        outcomes: Sequence[Outcome],
    ) -> "WorstCase":
        """Reduces the outcomes of all attacks.

        Args:
            clean: Whether each draw got each original right,
                `(draws, images)`.
            outcomes: Each of all images, or of some.
        """
        worst = clean & metrics.classified(clean)
        for outcome in outcomes:
            worst = outcome.lower(worst, threat)
        return cls(threat=threat, robust=Accuracy.of(worst))

    @classmethod
    def of_all(
        cls,
        threat: ThreatModel | None,
        phases: Sequence[Phase],
        *,
        clean: np.ndarray,
        outcomes: Sequence[Outcome],
    ) -> "tuple[WorstCase, ...]":
        """Reduces the outcomes in each ball that was attacked.

        A ball has a worst case if an attack was bound to it, or one without a
        bound found an image inside, unless that makes another norm small.
        After noise, after attacks of smaller balls or of other norms alone,
        it would read as robustness that nothing has tested.

        Args:
            threat: A ball of interest, besides those of the attacks.
            phases: The attacks.
            clean: Whether each draw got each original right,
                `(draws, images)`.
            outcomes: Of each attack.
        """
        balls = dict.fromkeys([threat, *(phase.threat for phase in phases)])
        return tuple(
            cls.of(ball, clean=clean, outcomes=outcomes)
            for ball in balls
            if ball is not None
            and any(
                phase.searches
                and (
                    phase.threat == ball
                    or (phase.aims_at(ball) and outcome.entered(ball))
                )
                for phase, outcome in zip(phases, outcomes, strict=True)
            )
        )

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "WorstCase":
        """Reads what `dataclasses.asdict` wrote."""
        return cls(
            threat=ThreatModel(**data["threat"]),
            robust=Accuracy.from_dict(data["robust"]),
        )
