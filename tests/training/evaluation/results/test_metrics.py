"""Every metric against numbers worked out by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from zoo.training.evaluation.results import metrics

# Two images of one row, two pixels, three channels.
IMAGES = np.array([[[[0.0, 0.0, 0.0], [0.5, 0.5, 0.5]]], np.zeros((1, 2, 3))])
ADVERSARIAL = np.array(
    [[[[0.3, 0.0, 0.4], [0.5, 0.5, 0.5]]], [[[0.0, 0.0, 0.0], [0.1, 0.2, 0.2]]]]
)
IMAGES, ADVERSARIAL = IMAGES.astype("float32"), ADVERSARIAL.astype("float32")
CLEAN = np.array([[True, True, True, False]])
CORRECT = np.array([[True, False, True, True]])


def test_perturbation_norms():
    assert metrics.l2_norms(IMAGES, ADVERSARIAL) == pytest.approx([0.5, 0.3])
    assert metrics.linf_norms(IMAGES, ADVERSARIAL) == pytest.approx([0.4, 0.2])


def test_dissimilarity():
    # 0.5 / sqrt(0.09 + 0.16 + 3 * 0.25); the second image was black.
    expected = [0.5 / 1.0, 1.0]
    found = metrics.l2_dissimilarity(IMAGES, ADVERSARIAL)
    assert found == pytest.approx(expected)


def test_dissimilarity_of_unchanged_images_is_zero():
    found = metrics.l2_dissimilarity(IMAGES, IMAGES)
    assert found.tolist() == [0.0, 0.0]


def test_pixel_distances_average_over_pixels_not_channels():
    expected = [255 * (0.5 + 0.0) / 2, 255 * (0.0 + 0.3) / 2]
    found = metrics.pixel_distances(IMAGES, ADVERSARIAL)
    assert found == pytest.approx(expected)


def test_aaac_score_gives_nothing_for_fooled_images():
    distances = np.array([10.0, 20.0, 30.0])
    correct = np.array([[True, False, True]])
    assert metrics.aaac_score(distances, correct) == pytest.approx(40 / 3)


def test_aaac_score_counts_the_draws_that_are_right():
    correct = np.array([[True, False], [False, False]])
    score = metrics.aaac_score(np.array([10.0, 20.0]), correct)
    assert score == pytest.approx((5 + 0) / 2)


def test_accuracies_over_draws():
    correct = np.array([[True, True, False, True], [True, False, False, False]])
    assert metrics.accuracy(correct) == 0.5
    assert metrics.worst_draw_accuracy(correct) == 0.25
    assert metrics.every_draw_accuracy(correct) == 0.25


def test_classified_needs_more_than_half_of_the_draws():
    correct = np.array([[True, True, True], [True, False, True], [False] * 3])
    assert metrics.classified(correct[:2]).tolist() == [True, False, True]
    assert metrics.classified(correct).tolist() == [True, False, True]


def test_fooled_needs_more_than_half_of_the_draws_too():
    """An image that half of the draws get right is neither."""
    correct = np.array([[True, True, True], [True, False, False], [False] * 3])
    assert metrics.fooled(correct[:2]).tolist() == [False, False, False]
    assert metrics.fooled(correct).tolist() == [False, True, True]


def test_success_rate_counts_rightly_classified_images_alone():
    # Of the three right ones the second is flipped; the fourth never counts.
    rate = metrics.attack_success_rate(CLEAN, CORRECT)
    assert rate == pytest.approx(1 / 3)


def test_success_rate_of_draws_and_of_no_images():
    correct = np.array([[True, False], [False, False]])
    clean = np.ones((2, 2), bool)
    assert metrics.attack_success_rate(clean, correct) == pytest.approx(0.75)
    assert metrics.attack_success_rate(~clean, correct) is None


def test_means_and_medians_over_a_selection():
    values = np.array([1.0, 5.0, 2.0, 100.0])
    chosen = np.array([True, True, True, False])
    assert metrics.mean_over(values, chosen) == pytest.approx(8 / 3)
    assert metrics.median_over(values, chosen) == 2.0
    assert metrics.mean_over(values, ~chosen & chosen) is None
    assert metrics.median_over(values, ~chosen & chosen) is None


@pytest.mark.parametrize(
    ("right", "count"), [(0, 10), (10, 10), (7, 10), (481, 500), (1, 1)]
)
def test_wilson_interval_is_scipys(right, count):
    expected = stats.binomtest(right, count).proportion_ci(method="wilson")
    found = metrics.wilson_interval(right / count, count)
    assert found == pytest.approx((expected.low, expected.high), abs=1e-12)


@given(
    fraction=st.floats(0, 1),
    count=st.integers(1, 10**6),
    sure=st.floats(0, 0.99),
)
def test_wilson_interval_holds_its_fraction(fraction, count, sure):
    low, high = metrics.wilson_interval(fraction, count, confidence=sure)
    assert 0 <= low <= fraction + 1e-12
    assert fraction - 1e-12 <= high <= 1


@pytest.mark.parametrize(
    ("fraction", "count"), [(0.5, 0), (1.1, 5), (math.nan, 5)]
)
def test_wilson_interval_of_nonsense(fraction, count):
    with pytest.raises(ValueError, match=f"count={count}"):
        metrics.wilson_interval(fraction, count)


def test_predicted_classes():
    """Minus infinity rules a class out; NaN and plus infinity all of them."""
    nothing = [-np.inf, -np.inf]
    logits = [[-np.inf, -9], [3, np.nan], [np.inf, 0], nothing, [2, 1]]
    assert metrics.predicted_classes(np.array(logits)).tolist() == [
        *(1, -1, -1, -1, 0)
    ]
