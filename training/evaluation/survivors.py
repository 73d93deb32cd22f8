"""Images that are left to attack."""

import numpy as np

from zoo.threat import ThreatModel
from zoo.training.evaluation import metrics
from zoo.training.evaluation.outcome import Outcome


class Survivors:
    """Images that the attacks in each ball have yet to fool.

    Args:
        clean: Whether each draw got each original right, `(draws, images)`.
    """

    def __init__(self, clean: np.ndarray):
        self._clean = clean & metrics.classified(clean)
        self._correct = {}

    def of(self, threat: ThreatModel) -> np.ndarray:
        """Returns the indices of the images that are left in a ball.

        Those are gone that were misclassified without an attack, and those
        for which more than half of the draws under some attack were wrong.
        """
        correct = self._correct.get(threat, self._clean)
        return np.flatnonzero(~metrics.fooled(correct))

    def after(self, threat: ThreatModel, outcome: Outcome) -> np.ndarray:
        """Returns what one more attack in a ball would leave.

        Returns:
            Whether each draw gets each image right when it meets the most
            harmful of the ball's attacks so far, `(draws, images)`.
        """
        return outcome.lower(self._correct.get(threat, self._clean))

    def count_in(self, threat: ThreatModel, outcome: Outcome) -> None:
        """Counts in what one more attack in a ball did."""
        self._correct[threat] = self.after(threat, outcome)
