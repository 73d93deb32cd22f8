"""Scores images batch by batch, from where the last run ended."""

import numpy as np

from zoo.training.evaluation.journal import Journal
from zoo.training.evaluation.outcome import Outcome
from zoo.training.evaluation.phase import Phase
from zoo.training.evaluation.progress import Progress
from zoo.training.evaluation.randomness import owned_randomness
from zoo.training.evaluation.scoring import Scorer


class Run:
    """Scores phases on images of one data set, batch by batch.

    Args:
        scorer: Attacks and classifies a batch.
        images: Float32 images in [0, 1].
        labels: True classes, int64.
        batch_size: Images attacked and classified at once.
        seed: Of the randomness of model and attacks.
        bars: Gets a bar for each phase.
        journal: Knows the batches that need not be scored again, and gets
            the others; `None` keeps nothing.
    """

    def __init__(
        self,
        scorer: Scorer,
        images: np.ndarray,
        labels: np.ndarray,
        *,
        batch_size: int,
        seed: int,
        bars: Progress,
        journal: Journal | None = None,
    ):
        self._scorer = scorer
        self._images = images
        self._labels = labels
        self._batch_size = batch_size
        self._seed = seed
        self._bars = bars
        self._journal = journal
        self._phases = 0

    def score(
        self, phase: Phase, indices: np.ndarray, *, repeat: int = 0
    ) -> Outcome:
        """Returns what the next phase does to some of the images.

        Args:
            indices: Places of the images; they fill the batches in order.
            repeat: Number of times that the phase has been run before;
                another gives other randomness.

        Raises:
            ValueError: If the attack breaks its rules; see `Scorer.score`.
        """
        number, self._phases = self._phases, self._phases + 1
        parts = self._journal.read(number) if self._journal else []
        done = sum(len(part.indices) for part in parts)
        right = sum(_right(part) for part in parts)
        advance = self._bars.phase(phase.name, len(indices), done=done)
        models = [
            self._scorer.model,
            self._scorer.attacked,
            *phase.sources,
        ]
        text = f"{phase.text} again {repeat}" if repeat else phase.text
        with owned_randomness(models, self._seed, phase.generators) as reseed:
            for start in range(done, len(indices), self._batch_size):
                batch = indices[start : start + self._batch_size]
                reseed(text, int(batch[0]))
                part = self._scorer.score(
                    self._images[batch],
                    self._labels[batch],
                    phase.attack,
                    indices=batch,
                )
                if self._journal:
                    self._journal.write(number, len(parts), part)
                parts.append(part)
                right += _right(part)
                advance(len(batch), right / (start + len(batch)))
        if not parts:
            return Outcome.nothing(self._scorer.draws)
        return Outcome.merge(parts)


def _right(outcome):
    return outcome.correct.mean(axis=0).sum()
