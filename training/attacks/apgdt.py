"""Auto-PGD towards each of the most likely other classes."""

import functools

import keras
import tensorflow as tf

from zoo.training.attacks.base import Attack
from zoo.training.attacks.parts.auto_pgd import auto_pgd
from zoo.training.attacks.parts.checks import checked_count
from zoo.training.attacks.parts.checks import checked_norm
from zoo.training.attacks.parts.checks import checked_size
from zoo.training.attacks.parts.gradients import expected_logits
from zoo.training.attacks.parts.gradients import succeeds
from zoo.training.attacks.parts.losses import targeted_difference
from zoo.training.attacks.parts.losses import targeted_dlr
from zoo.training.attacks.parts.restarts import random_starts
from zoo.training.attacks.parts.restarts import worst_of_judged


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
    norm = checked_norm(norm)
    eps = checked_size("eps", eps)
    steps = checked_count("steps", steps)
    restarts = checked_count("restarts", restarts)
    classes = checked_count("classes", classes)
    draws = checked_count("draws", draws)
    options = dict(locals())
    generator = keras.random.SeedGenerator(seed)
    algorithm = functools.partial(
        _towards_each_class,
        norm=norm,
        eps=eps,
        steps=steps,
        restarts=restarts,
        classes=classes,
        draws=draws,
        generator=generator,
    )
    return Attack(
        "apgdt",
        algorithm,
        norm,
        eps,
        options,
        early_stop=True,
        generators=(generator,),
    )


def _towards_each_class(
    logits,
    images,
    labels,
    *,
    norm,
    eps,
    steps,
    restarts,
    classes,
    draws,
    generator,
):
    outputs = expected_logits(logits, images, draws=draws)
    classes = tf.minimum(classes, tf.shape(outputs)[-1] - 1)
    # The first of the ranked is the label: only where it is are rows attacked.
    targets = tf.math.top_k(outputs, classes + 1).indices[:, 1:]
    rows = tf.where(~succeeds(outputs, labels))[:, 0]
    few = outputs.shape[-1] in (2, 3)
    loss = targeted_difference if few else targeted_dlr

    def run(index, rows):
        originals = tf.gather(images, rows)
        target = tf.gather(targets[:, index % classes], rows)
        return auto_pgd(
            logits,
            originals,
            (tf.gather(labels, rows), target),
            objective=lambda outputs, pair: loss(outputs, *pair),
            success=lambda outputs, pair: succeeds(outputs, pair[0]),
            start=random_starts(
                originals, norm=norm, eps=eps, seed=generator.next()
            ),
            norm=norm,
            eps=eps,
            steps=steps,
            early_stop=True,
            draws=draws,
        )

    return worst_of_judged(
        run,
        images,
        tf.cast(rows, "int32"),
        count=classes * restarts,
        early_stop=True,
    )
