"""What one attack, and all attacks together, did to a model."""

import dataclasses
import statistics
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from zoo.cards.measurement import attack_label
from zoo.threat import ThreatModel
from zoo.training.evaluation.planned_attack import PlannedAttack
from zoo.training.evaluation.results import metrics
from zoo.training.evaluation.results.accuracy import Accuracy
from zoo.training.evaluation.results.accuracy import Curve
from zoo.training.evaluation.results.image_results import ImageResults


@dataclasses.dataclass(frozen=True, kw_only=True)
class AttackResult:
    """What one attack did to the model.

    Accuracies are of all images to attack, the other numbers of those that
    the attack was run on. The two are the same unless the evaluation skips
    the images that are fooled already. Then accuracies are what is left after
    this attack and those before it in the same ball. The other numbers are
    of the images that those had left; these are harder images, so don't
    compare the numbers with those of an attack on all images.

    Args:
        attack: The attack's name.
        options: Its options, as values that JSON can hold.
        threat: Ball that its results stay in, `None` if it is unbounded.
        black_box: Whether it takes no gradient of the model.
        images: Number of images that it was run on.
        robust: Accuracy on the adversarial images; those misclassified
            without an attack count as wrong. If the attack was run several
            times, each image counts, here and in the other numbers, as in the
            run that did it most harm.
        runs: Accuracy under each run by itself; where fooled images are
            skipped, under it and the attacks before it.
        success_rate: Of the images it was run on that were rightly
            classified, the fraction flipped; `None` if there were none. An
            image the attack left unchanged is not its success.
        dissimilarity: Mean of `||x - x_adv|| / ||x_adv||`, `None` if there
            were no images.
        median_l2: Median L2 norm over the successful adversarial images:
            those that flipped a rightly classified one for at least half of
            the scoring draws. `None` if no attack succeeded.
        mean_l2: Their mean L2 norm.
        median_linf: Their median L-inf norm.
        mean_linf: Their mean L-inf norm.
        aaac_score: IRM's equation 5, on the 0 to 255 scale. `None` if there
            were no images.
        curve: Accuracy against the radius, of an attack that minimizes the
            norm; else `None`.
        seconds: Time the attack and its scoring took.
    """

    attack: str
    options: Mapping[str, Any]
    threat: ThreatModel | None
    black_box: bool
    images: int
    robust: Accuracy
    runs: tuple[float, ...]
    success_rate: float | None
    dissimilarity: float | None
    median_l2: float | None
    mean_l2: float | None
    median_linf: float | None
    mean_linf: float | None
    aaac_score: float | None
    curve: Curve | None
    seconds: float

    @classmethod
    def from_results(
        cls,
        attack: str,
        options: Mapping[str, Any],
        threat: ThreatModel | None,
        *,
        clean: np.ndarray,
        runs: Sequence[ImageResults],
        black_box: bool = False,
        left: Sequence[np.ndarray] | None = None,
        minimized: str | None = None,
    ) -> "AttackResult":
        """Reduces the results of one run or several.

        Args:
            attack: The attack's name.
            options: Its options.
            threat: Its ball, `None` if it is unbounded.
            runs: Results of each run on the same images.
            clean: Whether each draw got each original right,
                `(draws, images)`, for all images to attack.
            black_box: Whether the attack takes no gradient of the model.
            left: Whether each draw gets each of them right after this and
                the earlier attacks: after all runs together, then after each.
                `None` if it was run on all.
            minimized: Norm that the attack makes small, if it has no ball.
        """
        results = ImageResults.worst(runs, norm=minimized)
        clean = clean[:, results.indices]
        was_right = metrics.classified(clean)
        # An unchanged image that is wrong was flipped by the model's draws.
        unchanged = results.l2 == 0
        flipped = was_right & ~metrics.classified(results.correct) & ~unchanged
        if left is None:
            left = [one.correct & was_right for one in (results, *runs)]
        everyone = np.full(len(results.indices), True)
        score = None
        if everyone.any():
            score = metrics.aaac_score(results.pixel_distance, results.correct)
        curve = None
        if minimized is not None:
            curve = Curve.from_results(minimized, clean=clean, results=results)
        return cls(
            attack=attack,
            options={k: _plain(v) for k, v in options.items()},
            threat=threat,
            black_box=black_box,
            images=len(results.indices),
            robust=Accuracy.from_correct(left[0]),
            runs=tuple(map(metrics.accuracy, left[1:])),
            success_rate=metrics.attack_success_rate(
                clean, results.correct | unchanged
            ),
            dissimilarity=metrics.mean_over(results.dissimilarity, everyone),
            median_l2=metrics.median_over(results.l2, flipped),
            mean_l2=metrics.mean_over(results.l2, flipped),
            median_linf=metrics.median_over(results.linf, flipped),
            mean_linf=metrics.mean_over(results.linf, flipped),
            aaac_score=score,
            curve=curve,
            seconds=results.seconds,
        )

    @property
    def robust_accuracy(self) -> float:
        """Mean accuracy under the attack."""
        return self.robust.mean

    @property
    def runs_std(self) -> float:
        """Standard deviation of the runs' accuracies, 0 if there was one."""
        return statistics.stdev(self.runs) if len(self.runs) > 1 else 0.0

    @property
    def label(self) -> str:
        """Name with loss, steps and restarts: `pgd-40x5`, `apgd-dlr-100`."""
        return attack_label(self.attack, self.options)

    def __str__(self) -> str:
        options = ", ".join(f"{k}={v!r}" for k, v in self.options.items())
        return f"{self.attack}({options})"

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "AttackResult":
        """Reads what `dataclasses.asdict` wrote."""
        threat, curve = data["threat"], data["curve"]
        return cls(
            **{
                **data,
                "threat": threat and ThreatModel(**threat),
                "robust": Accuracy.from_dict(data["robust"]),
                "runs": tuple(data["runs"]),
                "curve": curve and Curve.from_dict(curve),
            }
        )


def _plain(value):
    """Turns an option into what JSON holds and gives back unchanged."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return repr(value)


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
    def from_results(
        cls,
        threat: ThreatModel,
        *,
        clean: np.ndarray,
        results: Sequence[ImageResults],
    ) -> "WorstCase":
        """Reduces the results of all attacks.

        Args:
            threat: The ball.
            clean: Whether each draw got each original right,
                `(draws, images)`.
            results: Of each run, on all images or on some.
        """
        worst = clean & metrics.classified(clean)
        for one in results:
            worst = one.lower(worst, threat)
        return cls(threat=threat, robust=Accuracy.from_correct(worst))

    @classmethod
    def all_from_results(
        cls,
        threat: ThreatModel | None,
        planned_attacks: Sequence[PlannedAttack],
        *,
        clean: np.ndarray,
        results: Sequence[ImageResults],
    ) -> "tuple[WorstCase, ...]":
        """Reduces the results in each ball that was attacked.

        A ball has a worst case if an attack was bound to it, or if an
        unbounded attack that doesn't minimize another norm found an image
        inside. After noise alone, or attacks in smaller balls or other norms
        alone, a worst case would read as robustness that nothing has tested.

        Args:
            threat: A ball of interest, besides those of the attacks.
            planned_attacks: The attack of each run.
            clean: Whether each draw got each original right,
                `(draws, images)`.
            results: Of each run.
        """
        own = (planned.threat for planned in planned_attacks)
        balls = dict.fromkeys([threat, *own])
        return tuple(
            cls.from_results(ball, clean=clean, results=results)
            for ball in balls
            if ball is not None
            and any(
                planned.searches
                and (
                    planned.threat == ball
                    or (planned.aims_at(ball) and one.entered(ball))
                )
                for planned, one in zip(planned_attacks, results, strict=True)
            )
        )

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "WorstCase":
        """Reads what `dataclasses.asdict` wrote."""
        return cls(
            threat=ThreatModel(**data["threat"]),
            robust=Accuracy.from_dict(data["robust"]),
        )
