"""Measures how a model holds up under attacks."""

import contextlib
import dataclasses
import datetime
import os
from collections.abc import Callable
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from zoo.threat import ThreatModel
from zoo.training.attacks import suites
from zoo.training.attacks.registry import check_spec
from zoo.training.datasets.arrays import gather_examples
from zoo.training.evaluation import provenance
from zoo.training.evaluation.engine.interruption import interruptible
from zoo.training.evaluation.engine.option_checks import check_options
from zoo.training.evaluation.engine.progress import Progress
from zoo.training.evaluation.engine.resume import Journal
from zoo.training.evaluation.engine.resume import fingerprint
from zoo.training.evaluation.engine.runner import Runner
from zoo.training.evaluation.engine.runner import attack_all
from zoo.training.evaluation.engine.scoring import Scorer
from zoo.training.evaluation.flags import sanity as sanity_checks
from zoo.training.evaluation.flags.adaptivity import check_adaptivity
from zoo.training.evaluation.plan import Plan
from zoo.training.evaluation.planned_attack import PlannedAttack
from zoo.training.evaluation.results.accuracy import Accuracy
from zoo.training.evaluation.results.attack_result import AttackResult
from zoo.training.evaluation.results.attack_result import WorstCase
from zoo.training.evaluation.results.flag import Flag
from zoo.training.evaluation.results.image_results import ImageResults
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
    have not fooled (`skip_fooled`). After the attack, each image of a
    randomised model (one with a layer whose `stochastic` is true) is scored
    by `draws` fresh draws of the model's randomness. The same seed and batch
    size give the same report: what is drawn for a batch depends only on the
    seed, the attack and the batch's first image. The model's weights and the
    state of its and the attacks' randomness are restored at the end.

    Args:
        model: Maps pixels in [0, 1] to logits. A logit of minus infinity
            rules its class out; an image with a logit that is NaN or plus
            infinity counts as wrong.
        dataset: `(images, labels)`: arrays, or a `tf.data.Dataset` of batches
            or single examples. It is held in memory.
        attacks: Attacks such as `attacks.pgd(eps=0.1)`, or their text, such
            as `"pgd"` or `"pgd:norm=l2,eps=1.0"`; or names of suites.
            `"standard"` is AutoAttack in the ball `threat`,
            `"standard:norm=linf,eps=0.1"` in another, `"rand"` its version
            for randomised models; a suite alone implies `skip_fooled`. If
            text omits `draws`, 2 are taken against a randomised model.
        threat: Ball of the suites, and of attacks whose text omits norm or
            radius: they take its norm, and its radius in that norm. The worst
            case in this ball is reported too, unless all perturbations lie
            outside it.
        batch_size: Images attacked at once.
        limit: Number of images to stop after; `None` takes them all.
        attack_limit: Number of images to attack, from the front; `None`
            attacks them all. Clean accuracy is measured on all either way.
        draws: Forward passes that score each image of a randomised model. A
            deterministic model takes one.
        runs: Times that each attack is run, with other randomness each
            time. Each image takes its worst run; the report gives mean and
            standard deviation of the runs beside it.
        seed: Of the model's randomness and of the attacks' own.
        skip_fooled: Whether later attacks in a ball leave out the images that
            are misclassified without an attack, or that an earlier attack in
            the same ball has fooled (more than half of the draws wrong). Their
            results say how many images they were run on, and their robust
            accuracy is what is left after them. Attacks without a ball are
            run on all images. The worst case in a ball stays the same but for
            randomness: a randomised model keeps the draws that were right
            when it was fooled.
        adaptive: Whether attacks see a straight-through gradient where a
            layer hides its own (`gradient="none"`).
        surrogate: Model that the attacks are run on, such as a copy in
            bfloat16, which is faster; `None` for `model`. Either way `model`
            scores their images. Images that fool a lower-precision copy but
            not `model` are attacked again on `model`; minimum-norm
            perturbations are first lengthened slightly, in the same balls.
            A surrogate with other weights or layers is flagged: it is no
            white box.
        sanity: Number of images, from the front, for further attacks that
            test whether the numbers can be trusted: more steps, a larger
            ball, random noise, an attack without gradients. They are run in
            `threat`, else in the ball of the first attack that has one. 0
            leaves them out; the checks that need no further attack are always
            made.
        resume: Folder that keeps each finished batch, made if missing. After
            an interruption, the same call with the same folder goes on after
            the last batch, and its report is to the digit that of an
            uninterrupted run: date and commit are those of its beginning,
            seconds those of the batches. A folder of another model, data,
            attacks, options or library versions is refused; changed sources
            are not noticed.
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
    if isinstance(attacks, str) or callable(attacks):
        attacks = [attacks]
    if len(attacks) == 1 and isinstance(attacks[0], str):
        skip_fooled = skip_fooled or check_spec(attacks[0]) in suites.by_name
    plan = Plan.make(
        model,
        surrogate or model,
        attacks,
        threat=threat,
        draws=draws,
        runs=int(runs),
        skip_fooled=bool(skip_fooled),
        adaptive=adaptive,
        sanity=int(sanity),
    )
    images, labels = gather_examples(dataset, limit=limit)
    images = check_images(images, plan.facts.input_shape)
    labels = check_labels(labels, len(images), plan.facts.classes)
    attacked = min(attack_limit or len(images), len(images))
    measured = _run(
        plan,
        images,
        labels,
        attacked=attacked,
        batch_size=batch_size,
        seed=seed,
        resume=resume,
        progress=Progress(enabled=progress),
    )
    clean = measured.clean
    digest = weights_digest(model)
    attacked_digest = digest
    if plan.surrogate is not model:
        attacked_digest = weights_digest(plan.surrogate)
    return Report(
        model=name or model.name,
        flags=_flag(plan, measured),
        sanity=plan.sanity,
        weights=digest,
        attacked_weights=None if attacked_digest == digest else attacked_digest,
        dataset=dataset_name,
        images=clean.shape[1],
        attacked=attacked,
        stochastic=plan.facts.stochastic,
        draws=plan.draws,
        skip_fooled=plan.skip_fooled,
        clean=Accuracy.from_correct(clean),
        attacks=tuple(measured.attack_results),
        worst_cases=WorstCase.all_from_results(
            threat,
            [one for one in plan.attacks for _ in range(plan.runs)],
            clean=measured.clean_of_attacked,
            results=measured.image_results,
        ),
        seed=seed,
        batch_size=batch_size,
        attack_policy=plan.surrogate.dtype_policy.name,
        versions=provenance.versions(),
        commit=measured.commit,
        date=measured.date,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Measured:
    """What the run gave; from here on no image is looked at again."""

    date: str
    commit: str | None
    image_shape: tuple[int, int, int]
    num_classes: int
    clean: np.ndarray
    attacked: int
    attack_results: Sequence[AttackResult]
    image_results: Sequence[ImageResults]
    gradients: tuple[np.ndarray, np.ndarray] | None
    sanity_results: Sequence[AttackResult]

    @property
    def clean_of_attacked(self) -> np.ndarray:
        """Whether each draw got each original right, of those attacked."""
        return self.clean[:, : self.attacked]


def _run(
    plan, images, labels, *, attacked, batch_size, seed, resume, progress
) -> _Measured:
    """Scores the images without an attack and under each."""
    image_shape = images.shape[1:]
    scorer = Scorer(
        plan.model,
        image_shape,
        attacked=plan.view(plan.surrogate),
        draws=plan.draws,
        stochastic=plan.facts.stochastic,
        full_precision=(
            plan.view(plan.model) if plan.low_precision_copy else None
        ),
        balls=plan.balls,
        counter=progress.counter,
    )
    check_labels(labels, len(images), scorer.num_classes)
    sanity_attacks = plan.sanity_attacks(image_shape)
    date = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    journal, commit = None, provenance.commit()
    if resume is not None:
        depends_on = fingerprint(
            plan.model,
            scorer.attacked,
            images,
            labels,
            plan.attacks,
            sanity_attacks,
        ) | {
            "images": len(images),
            "attacked": attacked,
            "draws": plan.draws,
            "runs": plan.runs,
            "seed": int(seed),
            "batch_size": int(batch_size),
            "skip_fooled": plan.skip_fooled,
            "sanity": plan.sanity,
            "balls": (
                list(map(repr, plan.balls)) if plan.low_precision_copy else []
            ),
        }
        journal = Journal(resume, depends_on, date=date, commit=commit)
        date, commit = journal.date, journal.commit
    with progress, _going_on(resume), interruptible():
        runner = Runner(
            scorer,
            images,
            labels,
            batch_size=batch_size,
            seed=seed,
            progress=progress,
            journal=journal,
        )
        clean = runner.score(PlannedAttack()).correct
        attack_results, image_results = attack_all(
            runner,
            plan.attacks,
            clean[:, :attacked],
            runs=plan.runs,
            skip_fooled=plan.skip_fooled,
        )
        gradients = None
        if not all(planned.black_box for planned in plan.attacks):
            gradients = runner.gradients()
        sanity_results, _ = attack_all(
            runner,
            sanity_attacks,
            clean[:, : plan.sanity],
            runs=1,
            skip_fooled=False,
        )
    return _Measured(
        date=date,
        commit=commit,
        image_shape=image_shape,
        num_classes=scorer.num_classes,
        clean=clean,
        attacked=attacked,
        attack_results=attack_results,
        image_results=image_results,
        gradients=gradients,
        sanity_results=sanity_results,
    )


@contextlib.contextmanager
def _going_on(resume):
    """Adds to an interruption how to go on after it."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        interrupt.add_note(
            "The evaluation was interrupted. "
            + (
                "What it had measured is lost: resume=FOLDER, on the command "
                "line --resume, keeps finished batches."
                if resume is None
                else f"The same call goes on from {os.fspath(resume)}."
            )
        )
        raise


def _flag(plan, measured) -> tuple[Flag, ...]:
    """Returns the signs that the numbers cannot be trusted, each once."""
    flags = check_adaptivity(
        plan.surrogate_facts,
        plan.attacks,
        scored=plan.facts,
        same_model=plan.same_model,
        adaptive=plan.adaptive,
    )
    flags += sanity_checks.check_radii(plan.attacks)
    clean = measured.clean
    flags += sanity_checks.check_chance(clean, measured.num_classes)
    if measured.gradients is not None:
        flags += sanity_checks.check_gradients(*measured.gradients)
    if plan.skip_fooled:
        flags += sanity_checks.compare_sequence(
            measured.attack_results,
            measured.image_results,
            clean=measured.clean_of_attacked,
        )
    else:
        flags += sanity_checks.compare_attacks(
            measured.attack_results,
            clean=measured.clean_of_attacked.mean(),
            image_shape=measured.image_shape,
        )
    if plan.sanity:
        flags += sanity_checks.compare_attacks(
            measured.sanity_results,
            clean=clean[:, : plan.sanity].mean(),
            image_shape=measured.image_shape,
        )
    return tuple(dict.fromkeys(flags))
