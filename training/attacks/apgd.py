"""Auto-PGD, on the cross-entropy or on the difference of logits ratio."""

import functools

import tensorflow as tf

from zoo.training.attacks.base import Attack
from zoo.training.attacks.base import SeedGenerator
from zoo.training.attacks.parts.auto_pgd import auto_pgd
from zoo.training.attacks.parts.checks import checked_options
from zoo.training.attacks.parts.gradients import expected_logits
from zoo.training.attacks.parts.losses import dlr
from zoo.training.attacks.parts.losses import likeliest_others
from zoo.training.attacks.parts.losses import log_odds
from zoo.training.attacks.parts.losses import succeeds
from zoo.training.attacks.parts.losses import targeted_difference
from zoo.training.attacks.parts.losses import targeted_dlr
from zoo.training.attacks.parts.restarts import random_starts
from zoo.training.attacks.parts.restarts import worst_of_judged

_LOSSES = {"ce": log_odds, "dlr": dlr}


def apgd(
    *,
    norm: str = "linf",
    eps: float,
    steps: int = 100,
    restarts: int = 1,
    loss: str = "ce",
    early_stop: bool = True,
    targeted: bool = False,
    draws: int = 1,
    seed: int | None = None,
) -> Attack:
    """Binds Auto-PGD, which climbs a loss with steps it sizes itself.

    It starts anywhere in the ball. An image that never fools the model is
    returned at the highest loss found.

    Args:
        norm: `"linf"` or `"l2"`.
        eps: Radius of the ball, in pixel values (0 to 1).
        steps: Steps taken in each restart.
        restarts: Number of random starts.
        loss: `"ce"`, the cross-entropy, or `"dlr"`, the difference of logits
            ratio. The cross-entropy is climbed as the log-odds, which rise
            and fall with it and give the same steps, but don't vanish in
            float32. They weight all draws alike, where the cross-entropy
            would weight each by how far its label's probability is from 1.
            The ratio is untargeted: it is flat where the wanted class comes
            third. It needs three classes; of two its numerator is climbed,
            which is the log-odds.
        early_stop: Whether an image leaves the batch as soon as it fools the
            model, at once if it is misclassified. A success is then always
            returned. If not, every image is returned at the highest loss,
            to train or to transfer.
        targeted: Whether the labels are the wanted classes.
        draws: Forward passes averaged in each step; more than 1 for
            randomised models.
        seed: Fixes the random starts. They differ from call to call.

    Raises:
        ValueError: If an option is out of range.

    Reference: [Croce & Hein, 2020](https://arxiv.org/abs/2003.01690),
    Algorithm 1.
    """
    options = checked_options(
        norm=norm,
        eps=eps,
        steps=steps,
        restarts=restarts,
        loss=loss,
        early_stop=early_stop,
        targeted=targeted,
        draws=draws,
    )
    if loss not in _LOSSES:
        raise ValueError(
            f"`loss` must be one of {', '.join(map(repr, _LOSSES))}. "
            f"Received: loss={loss!r}"
        )
    if targeted and loss != "ce":
        raise ValueError(
            "`loss` must be 'ce' if the attack is targeted. "
            f"Received: loss={loss!r}, targeted={targeted}"
        )
    generator = SeedGenerator(seed)
    return Attack(
        "apgd",
        functools.partial(_from_labels, generator=generator, **options),
        norm,
        options["eps"],
        options | {"seed": seed},
        early_stop=early_stop,
        generators=(generator,),
    )


def apgdt(
    *,
    norm: str = "linf",
    eps: float,
    steps: int = 100,
    restarts: int = 1,
    classes: int = 9,
    draws: int = 1,
    seed: int | None = None,
) -> Attack:
    """Binds APGD-T, Auto-PGD on the targeted difference of logits ratio.

    Each of the most likely other classes is the target of a run. An image
    leaves as soon as it fools the model, whichever class it is taken for;
    at once if it is misclassified. One that never fools is returned at the
    highest loss found.

    The ratio's denominator needs 4 classes. On a model of 2 or 3 the runs
    climb the ratio's numerator alone, the target's logit less the label's:
    our extension, for which the paper has no loss. Its gradient has a
    direction at any scale of the logits, and the steps follow nothing else.

    Args:
        norm: `"linf"` or `"l2"`.
        eps: Radius of the ball, in pixel values (0 to 1).
        steps: Steps taken in each run.
        restarts: Number of random starts for each class.
        classes: Number of targets; all others if the model has fewer.
        draws: Forward passes averaged in each step; more than 1 for
            randomised models.
        seed: Fixes the random starts. They differ from call to call.

    Raises:
        ValueError: If an option is out of range.

    Reference: [Croce & Hein, 2020](https://arxiv.org/abs/2003.01690),
    Algorithm 1 and equation 7.
    """
    options = checked_options(
        norm=norm,
        eps=eps,
        steps=steps,
        restarts=restarts,
        classes=classes,
        draws=draws,
    )
    generator = SeedGenerator(seed)
    return Attack(
        "apgdt",
        functools.partial(_towards_each_class, generator=generator, **options),
        norm,
        options["eps"],
        options | {"seed": seed},
        early_stop=True,
        generators=(generator,),
    )


def _from_labels(
    logits,
    images,
    labels,
    *,
    restarts,
    loss,
    early_stop,
    targeted,
    draws,
    **climb,
):
    """Climbs away from the labels, or towards them if `targeted`."""

    def objective(outputs, labels):
        climbed = log_odds if outputs.shape[-1] == 2 else _LOSSES[loss]
        losses = climbed(outputs, labels)
        return -losses if targeted else losses

    rows = tf.range(tf.shape(images)[0])
    if early_stop:
        outputs = expected_logits(logits, images, draws=draws)
        rows = rows[~succeeds(outputs, labels, targeted=targeted)]
    return _worst_climb(
        logits,
        images,
        rows,
        lambda _, rows: tf.gather(labels, rows),
        objective=objective,
        success=functools.partial(succeeds, targeted=targeted),
        count=restarts,
        early_stop=early_stop,
        draws=draws,
        **climb,
    )


def _towards_each_class(
    logits, images, labels, *, restarts, classes, draws, **climb
):
    """Climbs towards one of the likeliest other classes after another."""
    outputs = expected_logits(logits, images, draws=draws)
    targets = likeliest_others(outputs, labels, classes)
    few = outputs.shape[-1] in (2, 3)
    loss = targeted_difference if few else targeted_dlr
    count = targets.shape[1]

    def pairs(index, rows):
        target = tf.gather(targets[:, index % count], rows)
        return tf.gather(labels, rows), target

    return _worst_climb(
        logits,
        images,
        tf.range(tf.shape(images)[0])[~succeeds(outputs, labels)],
        pairs,
        objective=lambda outputs, pair: loss(outputs, *pair),
        success=lambda outputs, pair: succeeds(outputs, pair[0]),
        count=count * restarts,
        early_stop=True,
        draws=draws,
        **climb,
    )


def _worst_climb(
    logits,
    images,
    rows,
    classes,
    *,
    count,
    generator,
    norm,
    eps,
    early_stop,
    **climb,
):
    """Runs Auto-PGD from random starts; keeps each image's worst result.

    Args:
        rows: The images to attack.
        classes: Maps the run's index and rows to what `auto_pgd` calls so.
        count: Number of runs.
    """

    def run(index, rows):
        originals = tf.gather(images, rows)
        return auto_pgd(
            logits,
            originals,
            classes(index, rows),
            start=random_starts(
                originals, norm=norm, eps=eps, seed=generator.next()
            ),
            norm=norm,
            eps=eps,
            early_stop=early_stop,
            **climb,
        )

    return worst_of_judged(
        run, images, rows, count=count, early_stop=early_stop
    )
