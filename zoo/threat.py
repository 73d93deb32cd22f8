"""The adversary that a model is defended against, as data."""

import math
from dataclasses import dataclass
from numbers import Real

NORM_TITLES = {"linf": "L∞", "l2": "L2"}
"""The norms, and how tables and pictures show them."""

NORMS = tuple(NORM_TITLES)


@dataclass(frozen=True)
class ThreatModel:
    """A ball around each image in which the adversary may move.

    Args:
        norm: `"linf"` (the largest change of a value) or `"l2"` (the Euclidean
            length of the whole change).
        eps: Radius of the ball, for pixels in [0, 1]. Above zero, and in
            `"linf"` at most 1, since no value can change by more.

    Raises:
        ValueError: If the norm is unknown or the radius impossible.
    """

    norm: str
    eps: float

    def __post_init__(self) -> None:
        if self.norm not in NORMS:
            raise ValueError(
                f"`norm` must be one of {', '.join(map(repr, NORMS))}. "
                f"Received: norm={self.norm!r}"
            )
        if (
            not isinstance(self.eps, Real)
            or isinstance(self.eps, bool)
            or not math.isfinite(self.eps)
            or self.eps <= 0
        ):
            raise ValueError(
                "`eps` must be a finite number above 0. "
                f"Received: eps={self.eps!r}"
            )
        if self.norm == "linf" and self.eps > 1:
            raise ValueError(
                "`eps` must be at most 1 in linf, as pixels are in [0, 1]; "
                "divide a radius for pixels from 0 to 255 by 255. "
                f"Received: eps={self.eps!r}"
            )
        object.__setattr__(self, "eps", float(self.eps))

    @property
    def title(self) -> str:
        """The ball as tables and pictures show it, such as `L∞ 0.1`."""
        return f"{NORM_TITLES[self.norm]} {self.eps:.3g}"

    def __str__(self) -> str:
        return f"{self.norm}, eps {self.eps:g}"
