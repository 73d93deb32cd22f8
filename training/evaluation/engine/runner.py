"""Attacks a data set batch by batch, from where the last run ended."""

from collections.abc import Iterable

import numpy as np

from zoo.threat import ThreatModel
from zoo.training.evaluation.engine.progress import Progress
from zoo.training.evaluation.engine.randomness import owned_randomness
from zoo.training.evaluation.engine.resume import Journal
from zoo.training.evaluation.engine.scoring import Scorer
from zoo.training.evaluation.engine.scoring import input_gradients
from zoo.training.evaluation.planned_attack import PlannedAttack
from zoo.training.evaluation.results import metrics
from zoo.training.evaluation.results.attack_result import AttackResult
from zoo.training.evaluation.results.image_results import ImageResults


class Runner:
    """Holds the images, and attacks and scores them batch by batch.

    Args:
        scorer: Attacks and classifies a batch.
        images: Float32 images in [0, 1].
        labels: True classes, int64.
        batch_size: Images attacked and classified at once.
        seed: Of the randomness of model and attacks.
        progress: Draws a bar for each pass over the images.
        journal: Holds the batches that are done and takes the others; `None`
            keeps nothing.
    """

    def __init__(
        self,
        scorer: Scorer,
        images: np.ndarray,
        labels: np.ndarray,
        *,
        batch_size: int,
        seed: int,
        progress: Progress,
        journal: Journal | None = None,
    ):
        self._scorer = scorer
        self._images = images
        self._labels = labels
        self._batch_size = batch_size
        self._seed = seed
        self._progress = progress
        self._journal = journal
        self._passes = 0

    def score(
        self,
        planned: PlannedAttack,
        indices: np.ndarray | None = None,
        *,
        repeat: int = 0,
    ) -> ImageResults:
        """Runs an attack on some of the images and scores the results.

        Args:
            planned: The attack, or none.
            indices: Positions of the images, which fill the batches in this
                order; `None` for all.
            repeat: Number of times that the attack has been run before;
                another gives other randomness.

        Raises:
            ValueError: If the attack breaks its rules, as `Scorer.score` says,
                or the journal holds something else than this pass.
        """
        if indices is None:
            indices = np.arange(len(self._images))
        number, self._passes = self._passes, self._passes + 1
        batches = []
        if self._journal:
            batches = self._journal.read(
                number,
                indices,
                batch_size=self._batch_size,
                draws=self._scorer.draws,
            )
        done = sum(len(batch.indices) for batch in batches)
        right = sum(map(_right, batches))
        bar = self._progress.add(planned, len(indices), done=done)
        models = [
            self._scorer.model,
            self._scorer.attacked,
            *planned.sources,
        ]
        text = f"{planned.text} again {repeat}" if repeat else planned.text
        with owned_randomness(models, self._seed, planned.generators) as reseed:
            for start in range(done, len(indices), self._batch_size):
                batch = indices[start : start + self._batch_size]
                bar.begin(len(batch))
                reseed(text, int(batch[0]))
                results = self._scorer.score(
                    self._images[batch],
                    self._labels[batch],
                    planned.attack,
                    indices=batch,
                )
                if self._journal:
                    self._journal.write(number, len(batches), results)
                batches.append(results)
                right += _right(results)
                bar.advance(right / (start + len(batch)))
        if not batches:
            return ImageResults.empty(self._scorer.draws)
        return ImageResults.merge(batches)

    def gradients(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns `input_gradients` of the first batch."""
        attacked = self._scorer.attacked
        with owned_randomness([attacked], self._seed) as reseed:
            reseed("gradients", 0)
            return input_gradients(
                attacked,
                self._images[: self._batch_size],
                self._labels[: self._batch_size],
            )


def _right(results):
    return results.correct.mean(axis=0).sum()


def attack_all(
    runner: Runner,
    planned_attacks: Iterable[PlannedAttack],
    clean: np.ndarray,
    *,
    runs: int,
    skip_fooled: bool,
) -> tuple[list[AttackResult], list[ImageResults]]:
    """Runs attacks one after another.

    Args:
        runner: Holds the images.
        planned_attacks: The attacks.
        clean: Whether each draw got each original right,
            `(draws, images)`, for all images to attack.
        runs: Times that each attack is run.
        skip_fooled: Whether attacks in a ball leave out the images that are
            fooled already.

    Returns:
        A result of each attack, and the image results of all its runs in
        turn.
    """
    unfooled = _Unfooled(clean)
    attack_results, image_results = [], []
    for planned in planned_attacks:
        skips = skip_fooled and planned.threat is not None
        indices = np.arange(clean.shape[1])
        if skips:
            indices = unfooled.indices(planned.threat)
        results = [
            runner.score(planned, indices, repeat=repeat)
            for repeat in range(runs)
        ]
        left = None
        if skips:
            worst = ImageResults.worst(results)
            left = [
                unfooled.left_by(one, planned.threat)
                for one in (worst, *results)
            ]
            unfooled.record(worst, planned.threat)
        image_results.extend(results)
        attack_results.append(
            AttackResult.from_results(
                planned.name,
                planned.options,
                planned.threat,
                black_box=planned.black_box,
                clean=clean,
                runs=results,
                left=left,
                minimized=planned.minimized,
            )
        )
    return attack_results, image_results


class _Unfooled:
    """Images that no attack in a ball has fooled yet, ball by ball.

    Args:
        clean: Whether each draw got each original right, `(draws, images)`.
    """

    def __init__(self, clean: np.ndarray):
        self._clean = clean & metrics.classified(clean)
        self._correct = {}

    def indices(self, ball: ThreatModel) -> np.ndarray:
        """Returns the positions of the images that are left in a ball.

        An image is left unless it was misclassified without an attack, or
        more than half of the draws under some attack were wrong.
        """
        correct = self._correct.get(ball, self._clean)
        return np.flatnonzero(~metrics.fooled(correct))

    def left_by(self, results: ImageResults, ball: ThreatModel) -> np.ndarray:
        """Returns what one more attack in a ball would leave.

        Returns:
            Whether each draw gets each image right when it meets the most
            harmful of the ball's attacks so far, `(draws, images)`.
        """
        return results.lower(self._correct.get(ball, self._clean))

    def record(self, results: ImageResults, ball: ThreatModel) -> None:
        """Counts one more attack in a ball."""
        self._correct[ball] = self.left_by(results, ball)
