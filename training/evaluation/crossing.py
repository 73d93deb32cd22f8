"""Images a hair before a model's boundary, moved across it."""

from collections.abc import Callable

import numpy as np

from training.attacks import Attack
from training.evaluation import metrics

_LENGTHS = 1 + 2.0 ** np.arange(-7, 0)
"""Times that a perturbation is lengthened, from 1.008 to 1.5."""


def across(
    predict: Callable[[np.ndarray], np.ndarray],
    attack: Attack,
    images: np.ndarray,
    crafted: np.ndarray,
    labels: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Lengthens perturbations by the least of a few factors that fools.

    Results are pixels in [0, 1], of the attack's grey levels and in its ball:
    perturbations that would leave it are not lengthened.

    Args:
        predict: Maps images to classes.
        attack: What made the images.
        images: The originals.
        crafted: What the attack made of them.
        labels: True classes.

    Returns:
        The images, and whether each was moved across; others are as crafted.
    """
    moved = crafted.copy()
    fools = np.zeros(len(crafted), bool)
    for length in _LENGTHS:
        left = np.flatnonzero(~fools)
        candidates = images[left] + length * (crafted[left] - images[left])
        if attack.levels is not None:
            steps = attack.levels - 1
            candidates = np.round(candidates * steps) / steps
        candidates = np.clip(candidates, 0, 1).astype("float32")
        inside = _inside(attack, images[left], candidates)
        left, candidates = left[inside], candidates[inside]
        if not len(left):
            break
        wrong = predict(candidates) != labels[left]
        moved[left[wrong]] = candidates[wrong]
        fools[left[wrong]] = True
    return moved, fools


def _inside(attack, images, candidates):
    if attack.eps is None:
        return np.ones(len(images), bool)
    norms = {"l2": metrics.l2_norms, "linf": metrics.linf_norms}
    return norms[attack.norm](images, candidates) <= attack.eps
