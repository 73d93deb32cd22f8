"""The basic iterative method, or iterative gradient sign method."""

import functools

from zoo.training.attacks.base import Attack
from zoo.training.attacks.parts.checks import checked_options
from zoo.training.attacks.parts.steps import ascend
from zoo.training.attacks.parts.steps import default_step_size


def bim(
    *,
    norm: str = "linf",
    eps: float,
    steps: int = 10,
    step_size: float | None = None,
    targeted: bool = False,
    draws: int = 1,
) -> Attack:
    """Binds BIM (IGSM), which climbs the loss from the image itself.

    It is PGD without a random start. The last iterate is returned.

    Args:
        norm: `"linf"` or `"l2"`.
        eps: Radius of the ball, in pixel values (0 to 1).
        steps: Gradients taken.
        step_size: Length of a step in `norm`; `2.5 * eps / steps`, at most
            `eps`, if `None`.
        targeted: Whether the labels are the wanted classes.
        draws: Forward passes averaged in each step; more than 1 for
            randomised models.

    Raises:
        ValueError: If an option is out of range.

    Reference: [Kurakin et al., 2017](https://arxiv.org/abs/1607.02533);
    steps are CleverHans'.
    """
    options = checked_options(
        optional=("step_size",),
        norm=norm,
        eps=eps,
        steps=steps,
        step_size=step_size,
        targeted=targeted,
        draws=draws,
    )
    eps = options["eps"]
    step_size = options["step_size"] or default_step_size(eps, steps)
    algorithm = functools.partial(ascend, **options | {"step_size": step_size})
    return Attack("bim", algorithm, norm, eps, options, supports_jit=True)
