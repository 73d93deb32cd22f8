"""What one attack did to a model."""

import dataclasses
import statistics
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

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
    the images that are fooled already. Accuracies are then what is left after
    this attack, and those before it in the same ball; the other numbers are
    of the images that these left, which are the harder ones, and compare
    with no numbers of an attack that met all.

    Args:
        attack: The attack's name.
        options: Its options, as values that JSON can hold.
        threat: Ball that its results stay in, `None` if it is unbounded.
        black_box: Whether it takes no gradient of the model.
        images: Number of images that it was run on.
        robust: Accuracy on the adversarial images; those misclassified
            without an attack count as wrong. Of an attack that was run
            several times, each image meets the run that did it most harm,
            here and in the other numbers.
        runs: Accuracy under each run by itself; where fooled images are
            skipped, under it and the attacks before it.
        success_rate: Of the images it was run on that were rightly
            classified, the fraction flipped; `None` if there were none. An
            image that was left as it was is not flipped.
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
    def from_outcomes(
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
        """Reduces the outcomes of one run or several.

        Args:
            runs: What each run did to the same images.
            clean: Whether each draw got each original right,
                `(draws, images)`, for all images to attack.
            black_box: Whether the attack takes no gradient of the model.
            left: Whether each draw gets each of them right after this and
                the earlier attacks: after all runs together, then after each.
                `None` if it was run on all.
            minimized: Norm that the attack makes small, if it has no ball.
        """
        outcome = ImageResults.worst(runs, norm=minimized)
        clean = clean[:, outcome.indices]
        was_right = metrics.classified(clean)
        # What an image left as it was suffers, the model does to itself.
        left_alone = outcome.l2 == 0
        flipped = was_right & ~metrics.classified(outcome.correct) & ~left_alone
        if left is None:
            left = [o.correct & was_right for o in (outcome, *runs)]
        everyone = np.full(len(outcome.indices), True)
        score = None
        if everyone.any():
            score = metrics.aaac_score(outcome.pixel_distance, outcome.correct)
        curve = None
        if minimized is not None:
            curve = Curve.from_outcome(minimized, clean=clean, outcome=outcome)
        return cls(
            attack=attack,
            options={k: _plain(v) for k, v in options.items()},
            threat=threat,
            black_box=black_box,
            images=len(outcome.indices),
            robust=Accuracy.from_correct(left[0]),
            runs=tuple(map(metrics.accuracy, left[1:])),
            success_rate=metrics.attack_success_rate(
                clean, outcome.correct | left_alone
            ),
            dissimilarity=metrics.mean_over(outcome.dissimilarity, everyone),
            median_l2=metrics.median_over(outcome.l2, flipped),
            mean_l2=metrics.mean_over(outcome.l2, flipped),
            median_linf=metrics.median_over(outcome.linf, flipped),
            mean_linf=metrics.mean_over(outcome.linf, flipped),
            aaac_score=score,
            curve=curve,
            seconds=outcome.seconds,
        )

    @property
    def robust_accuracy(self) -> float:
        """Mean accuracy under the attack."""
        return self.robust.mean

    @property
    def spread(self) -> float:
        """Standard deviation of the runs' accuracies, 0 if there was one."""
        return statistics.stdev(self.runs) if len(self.runs) > 1 else 0.0

    @property
    def label(self) -> str:
        """Name with loss, steps and restarts: `pgd-40x5`, `apgd-dlr-100`."""
        label = self.attack
        if self.options.get("loss") == "dlr":
            label += "-dlr"
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
        return [_plain(part) for part in value]
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
    def from_outcomes(
        cls,
        threat: ThreatModel,
        *,
        clean: np.ndarray,
        outcomes: Sequence[ImageResults],
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
        return cls(threat=threat, robust=Accuracy.from_correct(worst))

    @classmethod
    def all_from_outcomes(
        cls,
        threat: ThreatModel | None,
        phases: Sequence[PlannedAttack],
        *,
        clean: np.ndarray,
        outcomes: Sequence[ImageResults],
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
            cls.from_outcomes(ball, clean=clean, outcomes=outcomes)
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
