"""Measures of an attack: one value an image, then their reductions.

Images are NHWC in [0, 1]. `correct` holds whether each scoring draw
classified each image right, shape `(draws, images)`; a deterministic model
has one draw.
"""

import math
import statistics

import numpy as np

from zoo.threat import ThreatModel

_PIXELS = (1, 2, 3)


def predicted_classes(logits: np.ndarray) -> np.ndarray:
    """Returns the class of each row of logits, -1 if it has none.

    Minus infinity rules a class out. A row with NaN or plus infinity, or
    without any class left, has none, and is always wrong.

    Args:
        logits: `(..., classes)`, or probabilities.
    """
    logits = np.asarray(logits, "float64")
    largest = np.max(logits, axis=-1)  # NaN spreads.
    return np.where(np.isfinite(largest), np.argmax(logits, axis=-1), -1)


def l2_norms(images: np.ndarray, adversarial: np.ndarray) -> np.ndarray:
    """Returns the Euclidean length of each perturbation, pixels in [0, 1]."""
    difference = adversarial.astype("float64") - images
    return np.sqrt(np.sum(np.square(difference), axis=_PIXELS))


def linf_norms(images: np.ndarray, adversarial: np.ndarray) -> np.ndarray:
    """Returns the largest change of a value in each image."""
    difference = adversarial.astype("float64") - images
    return np.max(np.abs(difference), axis=_PIXELS)


def within(lengths: np.ndarray, eps: float) -> np.ndarray:
    """Returns which lengths are the radius at most, up to rounding."""
    return lengths <= eps * (1 + 1e-4) + 1e-6


def inside(
    images: np.ndarray, adversarial: np.ndarray, threat: ThreatModel
) -> np.ndarray:
    """Returns which perturbations lie in a ball, up to rounding."""
    norms = {"l2": l2_norms, "linf": linf_norms}[threat.norm]
    return within(norms(images, adversarial), threat.eps)


def l2_dissimilarity(images: np.ndarray, adversarial: np.ndarray) -> np.ndarray:
    """Returns `||x - x_adv|| / ||x_adv||` of each image.

    0 where the image is unchanged, even if it is black.

    Reference: BlurNet, evaluation metrics.
    """
    lengths = l2_norms(np.zeros_like(adversarial), adversarial)
    smallest = np.finfo("float32").tiny
    return l2_norms(images, adversarial) / np.maximum(lengths, smallest)


def pixel_distances(images: np.ndarray, adversarial: np.ndarray) -> np.ndarray:
    """Returns the mean over pixels of their colour's L2 change, 0 to 255.

    Reference: IRM, equation 5; the scale is the AAAC competition's.
    """
    difference = 255 * (adversarial.astype("float64") - images)
    return np.sqrt(np.sum(np.square(difference), axis=3)).mean(axis=(1, 2))


def accuracy(correct: np.ndarray) -> float:
    """Returns the mean over images and draws."""
    return float(np.mean(correct))


def worst_draw_accuracy(correct: np.ndarray) -> float:
    """Returns the accuracy of the draw with the lowest."""
    return float(np.min(np.mean(correct, axis=1)))


def every_draw_accuracy(correct: np.ndarray) -> float:
    """Returns the fraction of images that every draw classified right."""
    return float(np.mean(np.all(correct, axis=0)))


def classified(correct: np.ndarray) -> np.ndarray:
    """Returns per image whether more than half of the draws were right."""
    return np.mean(correct, axis=0) > 0.5


def fooled(correct: np.ndarray) -> np.ndarray:
    """Returns per image whether more than half of the draws were wrong."""
    return np.mean(correct, axis=0) < 0.5


def attack_success_rate(
    clean_correct: np.ndarray, correct: np.ndarray
) -> float | None:
    """Returns how many of the rightly classified images the attack flips.

    A flip counts by the fraction of draws that are wrong.

    Args:
        clean_correct: Of the original images.
        correct: Of the adversarial images.

    Returns:
        A number in [0, 1]; `None` if no original was classified right.
    """
    attacked = classified(clean_correct)
    if not attacked.any():
        return None
    return 1.0 - float(np.mean(correct[:, attacked]))


def aaac_score(distances: np.ndarray, correct: np.ndarray) -> float:
    """Returns the mean pixel distance, 0 for images classified wrong.

    Args:
        distances: `pixel_distances` of the adversarial images.
        correct: Of the adversarial images; an image that only some draws
            classify right earns that part of its distance.

    Reference: IRM, equation 5.
    """
    return float(np.mean(distances * np.mean(correct, axis=0)))


def mean_over(values: np.ndarray, selected: np.ndarray) -> float | None:
    """Returns the mean of the selected values, `None` if there are none."""
    return float(np.mean(values[selected])) if selected.any() else None


def median_over(values: np.ndarray, selected: np.ndarray) -> float | None:
    """Returns the median of the selected values, `None` if there are none."""
    return float(np.median(values[selected])) if selected.any() else None


def wilson_interval(
    fraction: float, count: int, *, confidence: float = 0.95
) -> tuple[float, float]:
    """Returns the Wilson score interval of a fraction of `count` images.

    For the mean of several draws an image the interval is conservative: the
    variance of a mean of draws is at most that of a single one.

    Reference: Wilson, 1927, *Probable inference, the law of succession, and
    statistical inference*.
    """
    if count < 1 or not 0 <= fraction <= 1:
        raise ValueError(
            "wilson_interval takes a fraction in [0, 1] of at least one image. "
            f"Received: fraction={fraction}, count={count}"
        )
    z = statistics.NormalDist().inv_cdf(0.5 + confidence / 2)
    spread = fraction * (1 - fraction) / count + (z / (2 * count)) ** 2
    center = fraction + z**2 / (2 * count)
    scale = 1 + z**2 / count
    low = (center - z * math.sqrt(spread)) / scale
    high = (center + z * math.sqrt(spread)) / scale
    return max(0.0, low), min(1.0, high)
