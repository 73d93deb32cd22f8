"""Views of one sign."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

from zoo.training.datasets import LISA_CLASSES
from zoo.training.datasets.rendered_signs import views
from zoo.training.datasets.rendering.camera import warp


def test_shapes_and_ranges():
    seen = views("stop", 3, size=24, front_size=48)
    assert seen.label == LISA_CLASSES.index("stop") == 13
    assert seen.images.shape == (3, 24, 24, 3)
    assert seen.homographies.shape == (3, 3, 3)
    assert seen.front.shape == (48, 48, 3) and seen.mask.shape == (48, 48)
    assert seen.mask.dtype == bool
    for pixels in (seen.images, seen.front):
        assert pixels.dtype == "float32"
        assert pixels.min() >= 0 and pixels.max() <= 1


def test_more_views_begin_with_the_same():
    few, many = views(2, 2, seed=3), views(2, 4, seed=3)
    np.testing.assert_array_equal(few.images, many.images[:2])
    np.testing.assert_array_equal(few.homographies, many.homographies[:2])
    np.testing.assert_array_equal(few.front, many.front)
    assert len({image.tobytes() for image in many.images}) == 4


def test_another_seed_is_another_sign():
    first, second = views("stop", 1, seed=0), views("stop", 1, seed=1)
    assert not np.array_equal(first.front, second.front)
    assert not np.array_equal(first.images, second.images)


@pytest.mark.parametrize("size", [33, 64, 256, 300])
def test_the_mask_is_the_octagon(size):
    seen = views("stop", 1, front_size=size)
    octagon = 0.96**2 * 2 * (np.sqrt(2) - 1)
    assert seen.mask.mean() == pytest.approx(octagon, rel=0.05)
    # Grey around the sign, and not on it.
    np.testing.assert_allclose(seen.front[0, 0], 0.5, atol=1e-6)
    assert np.ptp(seen.front[size // 2, :, 0]) > 0.2


def test_views_resemble_the_front_through_the_homography():
    """What the homographies predict correlates with each picture."""
    seen = views("stop", 12, seed=1, size=48)
    front = Image.fromarray((seen.front * 255).astype("uint8")).convert("RGBA")
    matching, mismatching = [], []
    for number, image in enumerate(seen.images):
        for other, homography in enumerate(seen.homographies):
            expected = warp(front, homography.astype(float), 48)
            expected = np.asarray(expected.convert("RGB"), float)
            correlation = np.corrcoef(
                expected[8:40, 8:40, 1].ravel(), image[8:40, 8:40, 1].ravel()
            )[0, 1]
            (matching if number == other else mismatching).append(correlation)
    assert np.median(matching) > 0.6
    assert np.median(matching) > np.median(mismatching) + 0.1


def test_to_pixels_joins_centres_of_pixels():
    """By hand: a plane seen straight on, 8 by 4 pixels of the picture."""
    plane = np.array([[[8, 0, 1], [0, 4, 2], [0, 0, 1.0]]], "float32")
    seen = dataclasses.replace(views(0, 1), homographies=plane)
    # One pixel of the mask is one, then two by one, of the picture.
    np.testing.assert_allclose(
        seen.to_pixels(4, 8)[0], [[1, 0, 1], [0, 1, 2], [0, 0, 1]]
    )
    np.testing.assert_allclose(
        seen.to_pixels(4, 4)[0], [[2, 0, 1.5], [0, 1, 2], [0, 0, 1]]
    )


@pytest.mark.parametrize("label", [-1, 17, "stopp", ""])
def test_unknown_class_is_refused(label):
    with pytest.raises(ValueError, match=f"Received: label={label!r}"):
        views(label, 1)


@pytest.mark.parametrize("name", ["count", "size", "front_size"])
def test_numbers_must_be_positive(name):
    options = {"count": 1} | {name: 0}
    with pytest.raises(ValueError, match=f"Received: {name}=0"):
        views(0, **options)


def test_seed_must_not_be_negative():
    with pytest.raises(ValueError, match="Received: seed=-1"):
        views(0, 1, seed=-1)
