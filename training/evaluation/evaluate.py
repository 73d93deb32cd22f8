"""Measures how a model holds up under attacks."""

import datetime
import os
from collections.abc import Callable
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from zoo.inspection import check_float_input
from zoo.inspection import input_shape
from zoo.inspection import is_stochastic
from zoo.threat import ThreatModel
from zoo.training.attack_names import attack_name
from zoo.training.attacks import Attack
from zoo.training.attacks import suites
from zoo.training.attacks.adaptive_view import adaptive_view
from zoo.training.datasets.arrays import gather_examples
from zoo.training.evaluation import provenance
from zoo.training.evaluation.engine.option_checks import check_options
from zoo.training.evaluation.engine.progress import Progress
from zoo.training.evaluation.engine.randomness import attack_draws
from zoo.training.evaluation.engine.randomness import owned_randomness
from zoo.training.evaluation.engine.resume import Journal
from zoo.training.evaluation.engine.resume import fingerprint
from zoo.training.evaluation.engine.runner import Run
from zoo.training.evaluation.engine.runner import attack_all
from zoo.training.evaluation.engine.same_model import is_twin
from zoo.training.evaluation.engine.scoring import Scorer
from zoo.training.evaluation.flags import sanity as sanity_checks
from zoo.training.evaluation.flags.adaptivity import check_adaptivity
from zoo.training.evaluation.planned_attack import PlannedAttack
from zoo.training.evaluation.results.accuracy import Accuracy
from zoo.training.evaluation.results.attack_result import WorstCase
from zoo.training.evaluation.results.report import Report
from zoo.validation import check_images
from zoo.validation import check_labels
from zoo.weights.digests import weights_digest


def evaluate(
    model: keras.Model,
    dataset: tf.data.Dataset | tuple[ArrayLike, ArrayLike],
    attacks: Sequence[Callable | str] | Callable | str = (),
    *,
    threat: ThreatModel | None = None,
    batch_size: int = 128,
    limit: int | None = None,
    attack_limit: int | None = None,
    draws: int = 10,
    runs: int = 1,
    seed: int = 0,
    skip_fooled: bool = False,
    adaptive: bool = True,
    surrogate: keras.Model | None = None,
    sanity: int = 0,
    resume: str | os.PathLike | None = None,
    progress: bool = True,
    name: str | None = None,
    dataset_name: str | None = None,
) -> Report:
    """Measures a model's accuracy, clean and under each attack.

    Every attack is run on all images, or on those that the attacks before it
    left (`skip_fooled`). A randomised model (one with a layer whose
    `stochastic` is true) is scored after the attack by `draws` fresh draws
    of its randomness. The same seed and batch size give the same report:
    what a batch draws depends on nothing else but the attack and the
    batch's first image. The model's weights and the state of its and the
    attacks' randomness are given back as they were.

    Args:
        model: Maps pixels in [0, 1] to logits.
        dataset: `(images, labels)`: arrays, or a `tf.data.Dataset` of batches
            or single examples. It is held in memory.
        attacks: Attacks such as `attacks.pgd(eps=0.1)`, or their text, such
            as `"pgd"` or `"pgd:norm=l2,eps=1.0"`; or names of suites.
            `"standard"` is AutoAttack in the ball `threat`,
            `"standard:norm=linf,eps=0.1"` in another, `"rand"` its version
            for randomised models; a suite alone implies `skip_fooled`. Text
            that leaves `draws` open is given 2 against a randomised model.
        threat: Ball of the suites, and of the attacks whose text leaves it
            open: they take its norm, and its radius in that norm. Its worst
            case is reported too, unless all perturbations lie outside it.
        batch_size: Images attacked at once.
        limit: Number of images to stop after; `None` takes them all.
        attack_limit: Number of images to attack, from the front; `None`
            attacks them all. Clean accuracy is measured on all either way.
        draws: Forward passes that score each image of a randomised model. A
            deterministic model takes one.
        runs: Times that each attack is run, with other randomness each
            time. An image counts as it fared in the run that did it most
            harm; the report gives mean and spread of the runs beside it.
        seed: Of the model's randomness and of the attacks' own.
        skip_fooled: Whether an image that is misclassified without an
            attack, or has been fooled (more than half of its draws wrong) by
            an earlier attack in the same ball, is left out by the later
            attacks in that ball. Their results say how many images they were
            run on, and their robust accuracy is what is left after them.
            Attacks without a ball are run on all images. The worst case in a
            ball that was attacked stays the same, but for randomness: a
            randomised model keeps the draws it had right when it was fooled.
        adaptive: Whether attacks see a straight-through gradient where a
            layer hides its own (`gradient="none"`).
        surrogate: Model the attacks are run on, such as the same weights in
            bfloat16, which is faster; `None` for `model`. Either way `model`
            scores the images they make. Those that fool a twin of other
            precision and not `model`, for many attacks stop right behind the
            boundary, are made again on `model` itself, unless a perturbation
            that was to be small fools it a little longer, in the same balls.
            Other weights or layers are flagged, for they are no white box.
        sanity: Number of images, from the front, for a suite of attacks that
            tests the numbers' trustworthiness: more steps, a larger ball,
            random noise, an attack without gradients. 0 leaves it out; what
            can be told without it is always flagged. Its ball is `threat`,
            else that of the first attack that has one.
        resume: Folder that keeps each finished batch, made if missing. The
            same call with the same folder goes on after the last one, and
            its report is to the digit that of an uninterrupted run: date and
            commit are those when the run first began, its seconds those of
            the batches. A folder of another model, data, attacks, options or
            library versions is refused; changed sources go unnoticed.
        progress: Whether to draw progress bars, if standard error is a
            terminal.
        name: The model's name in the report; its own if `None`.
        dataset_name: The data set's name in the report.

    Raises:
        ValueError: If the images are not floating-point pixels in [0, 1] of
            the model's shape, the labels are not its classes, there are
            none, an attack is unknown, breaks its ball or needs a gradient
            that the model doesn't have, an option is out of range, or
            `resume` holds another run.
        OSError: If `resume` cannot be read or written.
    """
    check_options(
        model=model,
        threat=threat,
        batch_size=batch_size,
        draws=draws,
        runs=runs,
        limit=limit,
        attack_limit=attack_limit,
        seed=seed,
        sanity=sanity,
    )
    check_float_input(model)
    if isinstance(attacks, str) or callable(attacks):
        attacks = [attacks]
    if len(attacks) == 1 and isinstance(attacks[0], str):
        skip_fooled = skip_fooled or attack_name(attacks[0]) in suites.by_name
    surrogate = surrogate or model
    passes = attack_draws(surrogate)
    phases = [
        phase
        for attack in attacks
        for phase in PlannedAttack.from_spec(attack, threat, draws=passes)
    ]
    for phase in phases:
        if isinstance(phase.attack, Attack):
            phase.attack.check_model(surrogate)
    balls = filter(None, (threat, *(phase.threat for phase in phases)))
    balls = list(dict.fromkeys(balls))
    ball = balls[0] if balls else None
    if sanity:
        sanity_checks.check_model(surrogate, ball)
    images, labels = gather_examples(dataset, limit=limit)
    images = check_images(images, input_shape(model))
    labels = check_labels(labels, len(images))
    stochastic = is_stochastic(model)
    draws = draws if stochastic else 1
    attacked = min(attack_limit or len(images), len(images))
    view = adaptive_view if adaptive else _itself
    twin = surrogate is not model and is_twin(model, surrogate)
    scorer = Scorer(
        model,
        images.shape[1:],
        attacked=view(surrogate),
        draws=draws,
        own=view(model) if twin else None,
        balls=balls,
    )
    check_labels(labels, len(images), scorer.num_classes)
    sanity_attacks = []
    if sanity:
        sanity_attacks = sanity_checks.suite(
            ball, images.shape[1:], draws=passes
        )
        sanity_attacks = list(map(PlannedAttack, sanity_attacks))
    date = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    journal, commit = None, provenance.commit()
    if resume is not None:
        depends_on = fingerprint(
            model, scorer.attacked, images, labels, phases, sanity_attacks
        ) | {
            "images": len(images),
            "attacked": attacked,
            "draws": draws,
            "runs": int(runs),
            "seed": int(seed),
            "batch_size": int(batch_size),
            "skip_fooled": bool(skip_fooled),
            "sanity": int(sanity),
            "balls": list(map(repr, balls)) if twin else [],
        }
        journal = Journal(resume, depends_on, date=date, commit=commit)
        date, commit = journal.date, journal.commit
    with Progress(enabled=progress) as bars:
        run = Run(
            scorer,
            images,
            labels,
            batch_size=batch_size,
            seed=seed,
            bars=bars,
            journal=journal,
        )
        clean = run.score(PlannedAttack(), np.arange(len(images))).correct
        clean_of_attacked = clean[:, :attacked]
        results, outcomes = attack_all(
            run,
            phases,
            clean_of_attacked,
            repeats=runs,
            skip_fooled=skip_fooled,
        )
        flags = check_adaptivity(
            surrogate, phases, victim=model, adaptive=adaptive
        )
        flags += sanity_checks.check_chance(clean, scorer.num_classes)
        if not all(phase.black_box for phase in phases):
            with owned_randomness([surrogate], seed) as reseed:
                reseed("gradients", 0)
                flags += sanity_checks.gradients(
                    scorer.attacked, images[:batch_size], labels[:batch_size]
                )
        if skip_fooled:
            flags += sanity_checks.compare_sequence(
                results, outcomes, clean=clean_of_attacked
            )
        else:
            flags += sanity_checks.compare_attacks(
                results,
                clean=clean_of_attacked.mean(),
                image_shape=images.shape[1:],
            )
        if sanity:
            few = clean[:, : min(sanity, len(images))]
            tested, _ = attack_all(
                run, sanity_attacks, few, repeats=1, skip_fooled=False
            )
            flags += sanity_checks.compare_attacks(
                tested, clean=few.mean(), image_shape=images.shape[1:]
            )
    digest = weights_digest(model)
    of_surrogate = digest if surrogate is model else weights_digest(surrogate)
    return Report(
        model=name or model.name,
        flags=tuple(dict.fromkeys(flags)),
        sanity=int(sanity),
        weights=digest,
        attacked_weights=None if of_surrogate == digest else of_surrogate,
        dataset=dataset_name,
        images=len(images),
        attacked=attacked,
        stochastic=stochastic,
        draws=draws,
        skip_fooled=bool(skip_fooled),
        clean=Accuracy.from_correct(clean),
        attacks=tuple(results),
        worst_cases=WorstCase.all_from_outcomes(
            threat,
            [phase for phase in phases for _ in range(runs)],
            clean=clean_of_attacked,
            outcomes=outcomes,
        ),
        seed=seed,
        batch_size=batch_size,
        attack_policy=surrogate.dtype_policy.name,
        versions=provenance.versions(),
        commit=commit,
        date=date,
    )


def _itself(model):
    return model
