"""The penalties that the sweep of alpha compares."""

import math
from typing import Any
from typing import NamedTuple


class Penalty(NamedTuple):
    """A penalty of BlurNet, to be trained with at several strengths.

    Args:
        family: What it is of; a panel of the picture.
        strength: Option of `zoo.models.blurnet` that alpha is.
        options: Its other options.
        alphas: Strengths by default, ascending.
        printed: Presets of table 2 that have its form.
    """

    family: str
    strength: str
    options: dict[str, Any]
    alphas: tuple[float, ...]
    printed: tuple[str, ...] = ()

    def build_options(self, alpha: float) -> dict[str, Any]:
        """Returns the options of `zoo.models.blurnet` at a strength."""
        return {**self.options, self.strength: alpha}

    @property
    def size(self) -> int | None:
        """Pixels along a filter's sides; `None` without filters."""
        return self.options["kernel_size"]


_L_INF = {
    "": ("L-inf", None, (1e2, 1e3, 1e4)),
    "_non_negative": ("L-inf, non-negative", "non_negative", (1e2, 1e3, 1e4)),
    "_softmax": ("L-inf, softmax", "softmax", (1e-2, 1e-1, 1.0)),
}
"""Kinds of learned filters: a name's ending, family, constraint and alphas.

Free filters shrink under a penalty and the next layer grows, so that 100
still costs little.
"""

PENALTIES = {
    f"dw{size}{ending}": Penalty(
        family,
        "l_inf",
        {"kernel_size": size, "constraint": constraint},
        alphas,
        (f"blurnet_dw{size}",),
    )
    for ending, (family, constraint, alphas) in _L_INF.items()
    for size in (3, 5, 7)
} | {
    "tv_maps": Penalty(
        "TV of maps",
        "total_variation",
        {"kernel_size": None},
        (1e-3, 3e-3, 1e-2, 3e-2),
        ("blurnet_tv", "blurnet_tv.1e-5"),
    ),
    "tv_kernels": Penalty(
        "TV of kernels",
        "kernel_total_variation",
        {"kernel_size": None},
        (1.0, 10.0, 100.0),
        ("blurnet_tv", "blurnet_tv.1e-5"),
    ),
}
"""All penalties, by name."""

TARGETS = ("speedLimit45", "yield", "pedestrianCrossing", "keepRight")
"""Signs imitated by default: other colours and other shapes than a stop's."""


def matching_alpha(
    alphas: tuple[float, ...], losses: tuple[float, ...], wanted: float
) -> float | None:
    """Returns the strength at which the accuracy lost is the one wanted.

    Between two strengths tried, the loss is taken to be linear in the
    logarithm of alpha. The first pair that has it between them counts.

    Args:
        alphas: Strengths, ascending.
        losses: Accuracy lost at each against the baseline.
        wanted: Accuracy lost.

    Returns:
        The strength; `None` if no two strengths have it between them.
    """
    pairs = list(zip(alphas, losses, strict=True))
    for (low, before), (high, after) in zip(pairs, pairs[1:], strict=False):
        if before <= wanted <= after and before < after:
            share = (wanted - before) / (after - before)
            return math.exp(
                math.log(low) + share * (math.log(high) - math.log(low))
            )
    return None
