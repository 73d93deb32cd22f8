"""Pictures of signs: where the sign is, and what decides the picture."""

import numpy as np
import pytest

from zoo.training.datasets import LISA_CLASSES
from zoo.training.datasets.rendered_signs.rendering import crop
from zoo.training.datasets.rendered_signs.rendering import scene
from zoo.training.datasets.rendered_signs.sign import Sign
from zoo.training.datasets.rendering.geometry import transform
from zoo.training.datasets.rendering.random_streams import STREAMS
from zoo.training.datasets.rendering.random_streams import stream


def inside(outline, points):
    """Whether points are within a clockwise polygon."""
    result = np.ones(len(points), bool)
    for start, end in zip(outline, np.roll(outline, -1, 0), strict=True):
        along, away = end - start, points - start
        result &= along[0] * away[:, 1] - along[1] * away[:, 0] > 0
    return result


def test_a_picture_depends_on_its_number_alone():
    late = crop("train", 5)
    again = [crop("train", index) for index in range(6)][5]
    for name in ("image", "mask", "homography"):
        np.testing.assert_array_equal(getattr(late, name), getattr(again, name))


def test_splits_seeds_and_numbers_share_no_picture():
    pictures = [
        crop("train", 0),
        crop("validation", 0),
        crop("test", 0),
        crop("train", 17),
        crop("train", 0, seed=1),
    ]
    images = {picture.image.tobytes() for picture in pictures}
    assert len(images) == len(pictures)


def test_streams_are_distinct():
    draws = {stream(name, 0, 3).random() for name in STREAMS}
    draws |= {stream("train", 0, 3, 0).random(), stream("train", 3, 0).random()}
    assert len(draws) == len(STREAMS) + 2
    assert stream("test", 1, 2).random() == stream("test", 1, 2).random()


@pytest.mark.parametrize("label", [0, 1, 5, 6, 13, 16])
def test_masks_are_the_plate_through_the_homography(label):
    rendering = scene("test", label)
    sign = Sign.random(label, stream("test", 0, label))
    rows, columns = np.mgrid[:128, :128] + 0.5
    centres = np.stack([columns.ravel(), rows.ravel()], 1)
    plate = transform(rendering.homography.astype(float), sign.outline)
    expected = inside(plate, centres).reshape(128, 128)
    masked = rendering.mask[..., 0] == 255
    assert set(np.unique(rendering.mask)) == {0, 255}
    union = (expected | masked).sum()
    assert (expected & masked).sum() / union > 0.9


def test_the_homography_finds_the_legend():
    """The disc of the stop-ahead sign is where the homography says."""
    label = LISA_CLASSES.index("stopAhead")
    redness = []
    for index in range(label, label + 17 * 12, 17):
        rendering = scene("train", index)
        (x, y), (left, top) = transform(
            rendering.homography.astype(float),
            np.array([(0.5, 0.63), (0.25, 0.5)]),
        )
        image = rendering.image.astype(int)
        (red, green, _), beside = (
            image[int(y), int(x)],
            image[int(top), int(left)],
        )
        redness.append((red - green) - (beside[0] - beside[1]))
    # But for colourless pictures and things in front of the sign.
    assert np.median(redness) > 25
    assert np.mean(np.array(redness) > 0) >= 0.75


def test_corners_are_those_of_the_square():
    rendering = scene("test", 3)
    expected = transform(
        rendering.homography, np.array([(0, 0), (1, 0), (1, 1), (0, 1)])
    )
    np.testing.assert_allclose(rendering.corners, expected, rtol=1e-5)


def test_crops_are_full_of_sign():
    octagons = [crop("train", 13 + 17 * i) for i in range(8)]
    for picture in octagons:
        assert picture.image.shape == (32, 32, 3)
        assert picture.image.dtype == picture.mask.dtype == np.uint8
        assert (picture.mask == 255).mean() > 0.55


def test_red_signs_are_red_on_average():
    colours = np.mean(
        [crop("train", 13 + 17 * i).image.mean((0, 1)) for i in range(30)], 0
    )
    assert colours[0] > 1.2 * colours[1] and colours[0] > 1.2 * colours[2]
