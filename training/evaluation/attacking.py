"""Several attacks on the same images."""

from collections.abc import Iterable

import numpy as np

from zoo.training.evaluation.attack_result import AttackResult
from zoo.training.evaluation.outcome import Outcome
from zoo.training.evaluation.phase import Phase
from zoo.training.evaluation.run import Run
from zoo.training.evaluation.survivors import Survivors


def attack_all(
    run: Run,
    phases: Iterable[Phase],
    clean: np.ndarray,
    *,
    repeats: int,
    skip_fooled: bool,
) -> tuple[list[AttackResult], list[Outcome]]:
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
            indices = survivors.of(phase.threat)
        runs = [
            run.score(phase, indices, repeat=repeat)
            for repeat in range(repeats)
        ]
        left = None
        if skips:
            worst = Outcome.worst(runs)
            left = [survivors.after(phase.threat, o) for o in (worst, *runs)]
            survivors.count_in(phase.threat, worst)
        outcomes.extend(runs)
        results.append(
            AttackResult.of(
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
