"""Measures how a model holds up under attacks."""

import datetime
import functools
from collections.abc import Callable
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from training import attacks as attack_library
from training.evaluation import provenance
from training.evaluation.accuracy import Accuracy
from training.evaluation.adaptive import adaptive_view
from training.evaluation.attack_result import AttackResult
from training.evaluation.examples import gather_examples
from training.evaluation.progress import Progress
from training.evaluation.randomness import is_stochastic
from training.evaluation.randomness import owned_randomness
from training.evaluation.report import Report
from training.evaluation.scoring import Scorer
from training.evaluation.worst_case import WorstCase
from zoo.threat import ThreatModel
from zoo.validation import check_images
from zoo.validation import check_labels


def evaluate(
    model: keras.Model,
    dataset: tf.data.Dataset | tuple[ArrayLike, ArrayLike],
    attacks: Sequence[Callable | str] = (),
    *,
    threat: ThreatModel | None = None,
    batch_size: int = 128,
    limit: int | None = None,
    attack_limit: int | None = None,
    draws: int = 10,
    seed: int = 0,
    adaptive: bool = True,
    surrogate: keras.Model | None = None,
    progress: bool = True,
    name: str | None = None,
    dataset_name: str | None = None,
) -> Report:
    """Measures a model's accuracy, clean and under each attack.

    Every attack is run on all images. A randomised model (one with a layer
    whose `stochastic` is true) is scored after the attack by `draws` fresh
    draws of its randomness. The same seed and batch size give the same
    report; the model's weights and the state of its randomness are given
    back as they were.

    Args:
        model: Maps pixels in [0, 1] to logits.
        dataset: `(images, labels)`: arrays, or a `tf.data.Dataset` of batches
            or single examples. It is held in memory.
        attacks: Attacks such as `attacks.pgd(eps=0.1)`, or their text, such
            as `"pgd"` or `"pgd:norm=l2,eps=1.0"`.
        threat: Ball of the attacks that are given as text without one. Its
            worst case is reported whichever attacks are run.
        batch_size: Images attacked at once.
        limit: Number of images to stop after; `None` takes them all.
        attack_limit: Number of images to attack, from the front; `None`
            attacks them all. Clean accuracy is measured on all either way.
        draws: Forward passes that score each image of a randomised model. A
            deterministic model takes one.
        seed: Of the model's randomness, and of the attacks' that have a
            `seed` option which is not set.
        adaptive: Whether attacks see a straight-through gradient where a
            layer hides its own (`gradient="none"`).
        surrogate: Model the attacks are run on, such as the same weights in
            bfloat16, which is faster; `None` for `model`. Either way `model`
            scores the images they make.
        progress: Whether to draw progress bars, if standard error is a
            terminal.
        name: The model's name in the report; its own if `None`.
        dataset_name: The data set's name in the report.

    Raises:
        ValueError: If the images are not floating-point pixels in [0, 1] of
            the model's shape, the labels are not its classes, there are
            none, an attack is unknown, breaks its ball or needs a gradient
            that the model doesn't have, or an option is out of range.
    """
    _check_options(
        batch_size=batch_size,
        draws=draws,
        limit=limit,
        attack_limit=attack_limit,
        seed=seed,
    )
    if isinstance(attacks, str) or callable(attacks):
        attacks = [attacks]
    attacks = [_bind(attack, threat, seed) for attack in attacks]
    for attack in attacks:
        if isinstance(attack, attack_library.Attack):
            attack.check_model(surrogate or model)
    images, labels = gather_examples(dataset, limit=limit)
    images = check_images(images, _input_shape(model))
    labels = check_labels(labels, len(images))
    stochastic = is_stochastic(model)
    draws = draws if stochastic else 1
    attacked = min(attack_limit or len(images), len(images))
    surrogate = surrogate or model
    scorer = Scorer(
        model,
        images.shape[1:],
        attacked=adaptive_view(surrogate) if adaptive else surrogate,
        batch_size=batch_size,
        draws=draws,
    )
    check_labels(labels, len(images), scorer.num_classes)
    date = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    with (
        owned_randomness([model, surrogate], seed) as reseed,
        Progress(enabled=progress) as bars,
    ):
        clean, *outcomes = [
            scorer.score(
                images[:count],
                labels[:count],
                attack,
                before_batch=functools.partial(reseed, _phase(attack)),
                after_batch=bars.phase(_name(attack), count),
            )
            for attack, count in (
                (None, len(images)),
                *((attack, attacked) for attack in attacks),
            )
        ]
    clean_of_attacked = clean.correct[:, :attacked]
    results = tuple(
        AttackResult.of(
            _name(attack),
            getattr(attack, "options", {}),
            getattr(attack, "threat", None),
            clean=clean_of_attacked,
            outcome=outcome,
        )
        for attack, outcome in zip(attacks, outcomes, strict=True)
    )
    balls = [threat, *(result.threat for result in results)]
    return Report(
        model=name or model.name,
        dataset=dataset_name,
        images=len(images),
        attacked=attacked,
        stochastic=stochastic,
        draws=draws,
        clean=Accuracy.of(clean.correct),
        attacks=results,
        worst_cases=tuple(
            WorstCase.of(ball, clean=clean_of_attacked, outcomes=outcomes)
            for ball in dict.fromkeys(balls)
            if ball is not None and outcomes
        ),
        seed=seed,
        batch_size=batch_size,
        attack_policy=surrogate.dtype_policy.name,
        versions=provenance.versions(),
        commit=provenance.commit(),
        date=date,
    )


def _bind(attack, threat, seed):
    """Returns the attack, its own randomness started afresh."""
    if isinstance(attack, str):
        attack = attack_library.parse(attack, threat)
    if not callable(attack):
        raise ValueError(
            "attacks must be attacks, such as attacks.pgd(eps=0.1), or their "
            f"text. Received: {attack!r}"
        )
    options = dict(getattr(attack, "options", {}))
    if options.get("targeted"):
        raise ValueError(
            "attacks must be untargeted: they are given the true classes. "
            f"Received: {attack!r}"
        )
    factory = attack_library.by_name.get(_name(attack))
    if factory is None or "seed" not in options:
        return attack
    if options["seed"] is None:
        options["seed"] = seed
    return factory(**options)


def _name(attack):
    if attack is None:
        return "clean"
    return getattr(attack, "name", None) or getattr(
        attack, "__name__", type(attack).__name__
    )


def _phase(attack):
    """Returns a text that is the same in every process."""
    known = isinstance(attack, attack_library.Attack)
    return repr(attack) if known else _name(attack)


def _input_shape(model):
    try:
        shape = model.input_shape
    except (AttributeError, ValueError):  # Subclassed, or not built yet.
        return None
    if not isinstance(shape, tuple) or len(shape) != 4:
        raise ValueError(
            "The model must take one batch of images, (batch, height, width, "
            f"channels). Received: {model.name} with input shape {shape}"
        )
    return shape


def _check_options(*, seed, limit, attack_limit, **counts):
    if limit is not None:
        counts["limit"] = limit
    if attack_limit is not None:
        counts["attack_limit"] = attack_limit
    for option, value in {**counts, "seed": seed}.items():
        least = 0 if option == "seed" else 1
        if (
            isinstance(value, bool)
            or not isinstance(value, (int, np.integer))
            or value < least
        ):
            raise ValueError(
                f"{option} must be a whole number from {least}. "
                f"Received: {option}={value!r}"
            )
