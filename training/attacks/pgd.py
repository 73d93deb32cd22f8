"""Projected gradient descent."""

import functools

from zoo.training.attacks.base import Attack
from zoo.training.attacks.base import SeedGenerator
from zoo.training.attacks.parts.checks import checked_options
from zoo.training.attacks.parts.restarts import random_starts
from zoo.training.attacks.parts.restarts import worst_of
from zoo.training.attacks.parts.steps import ascend
from zoo.training.attacks.parts.steps import default_step_size


def pgd(
    *,
    norm: str = "linf",
    eps: float,
    steps: int = 40,
    step_size: float | None = None,
    random_start: bool = True,
    restarts: int = 1,
    early_stop: bool = False,
    targeted: bool = False,
    draws: int = 1,
    seed: int | None = None,
) -> Attack:
    """Binds PGD, which climbs the loss inside a norm ball.

    The last iterate is returned. Of several restarts, each image keeps the
    one that fools the model with the highest loss, else the highest loss.

    Args:
        norm: `"linf"` or `"l2"`.
        eps: Radius of the ball, in pixel values (0 to 1).
        steps: Gradients taken in each restart.
        step_size: Length of a step in `norm`; `2.5 * eps / steps`, at most
            `eps`, if `None`.
        random_start: Whether to start anywhere in the ball, or at the image.
        restarts: Number of starts; more than 1 needs `random_start`.
        early_stop: Whether an image leaves the batch as soon as it fools the
            model. The fraction fooled stays the same or grows, in much less
            time on a weak model. But the results are close to the boundary,
            so leave it off to train or to transfer.
        targeted: Whether the labels are the wanted classes.
        draws: Forward passes averaged in each step; more than 1 for
            randomised models.
        seed: Fixes the random starts. They differ from call to call.

    Raises:
        ValueError: If an option is out of range.

    Reference: [Madry et al., 2018](https://arxiv.org/abs/1706.06083);
    steps are CleverHans'.
    """
    options = checked_options(
        optional=("step_size",),
        norm=norm,
        eps=eps,
        steps=steps,
        step_size=step_size,
        random_start=random_start,
        restarts=restarts,
        early_stop=early_stop,
        targeted=targeted,
        draws=draws,
        seed=seed,
    )
    if restarts > 1 and not random_start:
        raise ValueError(
            "`restarts` above 1 need `random_start`. Received: "
            f"restarts={restarts}, random_start={random_start}"
        )
    eps, steps = options["eps"], options["steps"]
    judging = {
        name: options[name] for name in ("early_stop", "targeted", "draws")
    }
    algorithm = functools.partial(
        ascend,
        norm=norm,
        eps=eps,
        steps=steps,
        step_size=options["step_size"] or default_step_size(eps, steps),
        **judging,
    )
    generators = ()
    if random_start:
        generators = (SeedGenerator(seed),)
        algorithm = functools.partial(
            _from_random_starts,
            climb=algorithm,
            norm=norm,
            eps=eps,
            restarts=options["restarts"],
            generator=generators[0],
            **judging,
        )
    return Attack(
        "pgd",
        algorithm,
        norm,
        eps,
        options,
        early_stop=early_stop,
        supports_jit=restarts == 1 and not early_stop,
        generators=generators,
    )


def _from_random_starts(
    logits, images, labels, *, climb, norm, eps, restarts, generator, **judging
):
    def climb_once(images, labels):
        start = random_starts(images, norm=norm, eps=eps, seed=generator.next())
        return climb(logits, images, labels, start=start)

    return worst_of(
        climb_once, logits, images, labels, count=restarts, **judging
    )
