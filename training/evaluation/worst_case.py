"""What is left of a model under all attacks together."""

import dataclasses
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from training.evaluation import metrics
from training.evaluation.accuracy import Accuracy
from training.evaluation.outcome import Outcome
from zoo.threat import ThreatModel


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
    def from_dict(cls, data: Mapping[str, Any]) -> "WorstCase":
        """Reads what `dataclasses.asdict` wrote."""
        return cls(
            threat=ThreatModel(**data["threat"]),
            robust=Accuracy.from_dict(data["robust"]),
        )
