"""The Square attack."""

import functools
import math

import tensorflow as tf

from zoo.training.attacks.base import Attack
from zoo.training.attacks.base import SeedGenerator
from zoo.training.attacks.parts.checks import checked_count
from zoo.training.attacks.parts.checks import checked_options
from zoo.training.attacks.parts.checks import checked_size
from zoo.training.attacks.parts.gradients import expected_logits
from zoo.training.attacks.parts.losses import log_odds
from zoo.training.attacks.parts.losses import margin
from zoo.training.attacks.parts.losses import succeeds
from zoo.training.attacks.parts.restarts import worst_of
from zoo.training.attacks.parts.square_moves import L2Windows
from zoo.training.attacks.parts.square_moves import LinfWindows

_HALVED_AT = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)
"""Queries, of 10,000, at which the published schedule halves the area."""

_WINDOWS = {"linf": LinfWindows, "l2": L2Windows}


def square(
    *,
    norm: str = "linf",
    eps: float,
    queries: int = 5000,
    p_init: float = 0.8,
    restarts: int = 1,
    targeted: bool = False,
    draws: int = 1,
    seed: int | None = None,
) -> Attack:
    """Binds Square, a random search that asks the model for logits alone.

    Each query changes a random square of the image, or in L2 moves norm from
    one to another, and keeps the change if it lowers the margin of the label
    over the likeliest other class (if `targeted`, the cross-entropy). An
    image leaves the batch once it fools the model, so results are close to
    the boundary. One that never does is returned at its lowest loss.

    Args:
        norm: `"linf"` or `"l2"`.
        eps: Radius of the ball, in pixel values (0 to 1).
        queries: Images tried in each restart, beginning with the initial
            stripes (in L2, tiles). The image itself is tried in addition.
        p_init: Fraction of the image that the first squares cover, in
            (0, 1]. It is halved at 10, 50, 200, 500, 1000, 2000, 4000, 6000
            and 8000 of 10,000 queries, rescaled to `queries`.
        restarts: Number of searches for an image that none yet fooled.
        targeted: Whether the labels are the wanted classes.
        draws: Forward passes averaged in each query; more than 1 for
            randomised models.
        seed: Fixes the squares. They differ from call to call.

    Raises:
        ValueError: If an option is out of range.

    Reference:
    [Andriushchenko et al., 2020](https://arxiv.org/abs/1912.00049),
    Algorithms 1 to 3; `p_init` as in AutoAttack.
    """
    options = checked_options(
        norm=norm,
        eps=eps,
        queries=checked_count("queries", queries),
        p_init=checked_size("p_init", p_init, positive=True),
        restarts=restarts,
        targeted=targeted,
        draws=draws,
    )
    if p_init > 1:
        raise ValueError(
            f"`p_init` must be 1 or less. Received: p_init={p_init}"
        )
    generator = SeedGenerator(seed)
    return Attack(
        "square",
        functools.partial(_from_random_starts, generator=generator, **options),
        norm,
        options["eps"],
        options | {"seed": seed},
        black_box=True,
        early_stop=True,
        generators=(generator,),
    )


def _from_random_starts(
    logits, images, labels, *, restarts, generator, targeted, draws, **options
):
    def search(images, labels):
        return _search(
            logits,
            images,
            labels,
            seed=tf.cast(generator.next(), "int32"),
            targeted=targeted,
            draws=draws,
            **options,
        )

    return worst_of(
        search,
        logits,
        images,
        labels,
        count=restarts,
        early_stop=True,
        targeted=targeted,
        draws=draws,
    )


def _search(
    logits,
    images,
    labels,
    *,
    norm,
    eps,
    queries,
    p_init,
    targeted,
    draws,
    seed,
):
    """Algorithm 1: query 0 is the image, query 1 a start on the surface.

    Both are kept whatever their loss.
    """
    areas = [p_init / 2**halvings for halvings in range(len(_HALVED_AT) + 1)]
    windows = _WINDOWS[norm](images.shape[1:], areas, eps=eps)
    halved_at = tf.constant(_HALVED_AT, "float32") * (queries / 10_000)

    def candidates(index, iterates, originals):
        seed_now = tf.random.experimental.stateless_fold_in(seed, index)
        passed = tf.cast(index - 1, "float32") > halved_at
        stage = tf.reduce_sum(tf.cast(passed, "int32"))
        return tf.switch_case(
            tf.minimum(index, 2),
            [
                lambda: originals,
                lambda: windows.start(originals, seed_now),
                lambda: windows.propose(iterates, originals, stage, seed_now),
            ],
        )

    def query(index, iterates, losses, active):
        labels_now = tf.gather(labels, active)
        proposals = candidates(
            index, tf.gather(iterates, active), tf.gather(images, active)
        )
        outputs = expected_logits(logits, proposals, draws=draws)
        fooled = succeeds(outputs, labels_now, targeted=targeted)
        if targeted:
            proposed = log_odds(outputs, labels_now)
        else:
            proposed = margin(outputs, labels_now)
        better = proposed < tf.gather(losses, active)
        better |= fooled | (index < 2)
        rows = active[better][:, None]
        update = tf.tensor_scatter_nd_update
        iterates = update(iterates, rows, proposals[better])
        losses = update(losses, rows, proposed[better])
        return index + 1, iterates, losses, active[~fooled]

    _, iterates, _, _ = tf.while_loop(
        lambda index, *state: (index <= queries) & (tf.size(state[-1]) > 0),
        query,
        (
            0,
            images,
            tf.fill(tf.shape(labels), math.inf),
            tf.range(tf.shape(images)[0]),
        ),
        shape_invariants=(
            tf.TensorShape(()),
            images.shape,
            labels.shape,
            tf.TensorShape((None,)),
        ),
    )
    return iterates
