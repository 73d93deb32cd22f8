"""The fast gradient (sign) method."""

import functools

from zoo.training.attacks.base import Attack
from zoo.training.attacks.parts.checks import checked_options
from zoo.training.attacks.parts.steps import ascend


def fgsm(
    *,
    norm: str = "linf",
    eps: float,
    targeted: bool = False,
    draws: int = 1,
) -> Attack:
    """Binds FGSM, a single step along the gradient to the ball's surface.

    Args:
        norm: `"linf"` (the sign of the gradient) or `"l2"` (the gradient).
        eps: Radius of the ball, in pixel values (0 to 1).
        targeted: Whether the labels are the wanted classes.
        draws: Forward passes averaged; more than 1 for randomised models.

    Raises:
        ValueError: If an option is out of range.

    Reference: [Goodfellow et al., 2015](https://arxiv.org/abs/1412.6572);
    the step is CleverHans'.
    """
    options = checked_options(
        norm=norm, eps=eps, targeted=targeted, draws=draws
    )
    eps = options["eps"]
    algorithm = functools.partial(ascend, steps=1, step_size=eps, **options)
    return Attack("fgsm", algorithm, norm, eps, options, supports_jit=True)
