"""Images a hair before a model's boundary, moved across it."""

from collections.abc import Callable
from collections.abc import Iterable

import numpy as np

from zoo.threat import ThreatModel
from zoo.training.evaluation import metrics

_LENGTHS = 1 + 2.0 ** np.arange(-7, 0)
"""Times that a perturbation is lengthened, from 1.008 to 1.5."""
_HALVINGS = 3


def across(
    predict: Callable[[np.ndarray], np.ndarray],
    images: np.ndarray,
    crafted: np.ndarray,
    labels: np.ndarray,
    *,
    levels: int | None = None,
    balls: Iterable[ThreatModel] = (),
) -> tuple[np.ndarray, np.ndarray]:
    """Lengthens perturbations until they fool, by as little as may be found.

    By the least of a few factors, from which a few bisections go back.

    Args:
        predict: Maps images to classes, always the same.
        images: The originals.
        crafted: What an attack made of them.
        labels: True classes.
        levels: Grey levels of the results; `None` for any.
        balls: Balls that no perturbation leaves that was inside.

    Returns:
        Float32 images in [0, 1], and whether each was moved across; others
        are as crafted.
    """
    moved = crafted.copy()
    below, above = np.ones(len(crafted)), np.full(len(crafted), np.inf)
    before = [(ball, metrics.inside(images, crafted, ball)) for ball in balls]

    def try_at(lengths, indices):
        """Keeps what fools, and where it does and doesn't."""
        originals = images[indices]
        candidates = _lengthened(originals, crafted[indices], lengths, levels)
        allowed = np.ones(len(indices), bool)
        for ball, inside in before:
            allowed &= ~inside[indices] | metrics.inside(
                originals, candidates, ball
            )
        fools = np.zeros(len(indices), bool)
        if allowed.any():
            wrong = predict(candidates[allowed]) != labels[indices][allowed]
            fools[allowed] = wrong
        moved[indices[fools]] = candidates[fools]
        above[indices[fools]] = lengths[fools]
        below[indices[~fools]] = lengths[~fools]

    for length in _LENGTHS:
        indices = np.flatnonzero(np.isinf(above))
        try_at(np.full(len(indices), length), indices)
    indices = np.flatnonzero(np.isfinite(above))
    for _ in range(_HALVINGS):
        try_at((below + above)[indices] / 2, indices)
    return moved, np.isfinite(above)


def _lengthened(images, crafted, lengths, levels):
    longer = images + lengths[:, None, None, None] * (crafted - images)
    if levels is not None:
        longer = np.round(longer * (levels - 1)) / (levels - 1)
    return np.clip(longer, 0, 1).astype("float32")
