"""The momentum iterative method."""

import functools

from zoo.training.attacks.base import Attack
from zoo.training.attacks.parts.checks import checked_options
from zoo.training.attacks.parts.checks import checked_size
from zoo.training.attacks.parts.steps import ascend


def mim(
    *,
    norm: str = "linf",
    eps: float,
    steps: int = 10,
    step_size: float | None = None,
    decay: float = 1.0,
    targeted: bool = False,
    draws: int = 1,
) -> Attack:
    """Binds MIM, which climbs the loss with momentum.

    Made to transfer to other models better than PGD. The last iterate is
    returned.

    Args:
        norm: `"linf"` or `"l2"`.
        eps: Radius of the ball, in pixel values (0 to 1).
        steps: Gradients taken.
        step_size: Length of a step in `norm`; `eps / steps` if `None`.
        decay: Weight of the past steps' directions, 0 or more.
        targeted: Whether the labels are the wanted classes.
        draws: Forward passes averaged in each step; more than 1 for
            randomised models.

    Raises:
        ValueError: If an option is out of range.

    Reference: [Dong et al., 2018](https://arxiv.org/abs/1710.06081);
    steps are CleverHans'.
    """
    options = checked_options(
        optional=("step_size",),
        norm=norm,
        eps=eps,
        steps=steps,
        step_size=step_size,
        decay=checked_size("decay", decay),
        targeted=targeted,
        draws=draws,
    )
    eps = options["eps"]
    step_size = options["step_size"] or eps / steps
    algorithm = functools.partial(ascend, **options | {"step_size": step_size})
    return Attack("mim", algorithm, norm, eps, options, supports_jit=True)
