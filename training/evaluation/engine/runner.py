"""Scores images batch by batch, from where the last run ended."""

from collections.abc import Iterable

import numpy as np

from zoo.threat import ThreatModel
from zoo.training.evaluation.engine.progress import Progress
from zoo.training.evaluation.engine.randomness import owned_randomness
from zoo.training.evaluation.engine.resume import Journal
from zoo.training.evaluation.engine.scoring import Scorer
from zoo.training.evaluation.planned_attack import PlannedAttack
from zoo.training.evaluation.results import metrics
from zoo.training.evaluation.results.attack_result import AttackResult
from zoo.training.evaluation.results.image_results import ImageResults


class Survivors:
    """Images that the attacks in each ball have yet to fool.

    Args:
        clean: Whether each draw got each original right, `(draws, images)`.
    """

    def __init__(self, clean: np.ndarray):
        self._clean = clean & metrics.classified(clean)
        self._correct = {}

    def survivors(self, threat: ThreatModel) -> np.ndarray:
        """Returns the indices of the images that are left in a ball.

        Those are gone that were misclassified without an attack, and those
        for which more than half of the draws under some attack were wrong.
        """
        correct = self._correct.get(threat, self._clean)
        return np.flatnonzero(~metrics.fooled(correct))

    def after(self, threat: ThreatModel, outcome: ImageResults) -> np.ndarray:
        """Returns what one more attack in a ball would leave.

        Returns:
            Whether each draw gets each image right when it meets the most
            harmful of the ball's attacks so far, `(draws, images)`.
        """
        return outcome.lower(self._correct.get(threat, self._clean))

    def count_in(self, threat: ThreatModel, outcome: ImageResults) -> None:
        """Counts in what one more attack in a ball did."""
        self._correct[threat] = self.after(threat, outcome)


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
        self, phase: PlannedAttack, indices: np.ndarray, *, repeat: int = 0
    ) -> ImageResults:
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
            return ImageResults.nothing(self._scorer.draws)
        return ImageResults.merge(parts)


def _right(outcome):
    return outcome.correct.mean(axis=0).sum()


def attack_all(
    run: Run,
    phases: Iterable[PlannedAttack],
    clean: np.ndarray,
    *,
    repeats: int,
    skip_fooled: bool,
) -> tuple[list[AttackResult], list[ImageResults]]:
    """Runs attacks one after another.

    Args:
        run: Scores them.
        phases: The attacks.
        clean: Whether each draw got each original right,
            `(draws, images)`, for all images to attack.
        repeats: Times that each attack is run.
        skip_fooled: Whether attacks in a ball leave out the images that are
            fooled already.

    Returns:
        A result of each attack, and the outcomes of all its runs in turn.
    """
    survivors = Survivors(clean)
    results, outcomes = [], []
    for phase in phases:
        skips = skip_fooled and phase.threat is not None
        indices = np.arange(clean.shape[1])
        if skips:
            indices = survivors.survivors(phase.threat)
        runs = [
            run.score(phase, indices, repeat=repeat)
            for repeat in range(repeats)
        ]
        left = None
        if skips:
            worst = ImageResults.worst(runs)
            left = [survivors.after(phase.threat, o) for o in (worst, *runs)]
            survivors.count_in(phase.threat, worst)
        outcomes.extend(runs)
        results.append(
            AttackResult.from_outcomes(
                phase.name,
                phase.options,
                phase.threat,
                black_box=phase.black_box,
                clean=clean,
                runs=runs,
                left=left,
                minimized=phase.minimized,
            )
        )
    return results, outcomes
