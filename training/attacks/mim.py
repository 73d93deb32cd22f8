"""The momentum iterative method."""

import functools

from zoo.training.attacks.base import Attack
from zoo.training.attacks.parts.checks import checked_count
from zoo.training.attacks.parts.checks import checked_norm
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
    norm = checked_norm(norm)
    eps = checked_size("eps", eps)
    steps = checked_count("steps", steps)
    decay = checked_size("decay", decay)
    draws = checked_count("draws", draws)
    if step_size is not None:
        step_size = checked_size("step_size", step_size, positive=True)
    options = dict(locals())
    if step_size is None:
        step_size = eps / steps
    algorithm = functools.partial(
        ascend,
        norm=norm,
        eps=eps,
        steps=steps,
        step_size=step_size,
        decay=decay,
        targeted=targeted,
        draws=draws,
    )
    return Attack("mim", algorithm, norm, eps, options)
